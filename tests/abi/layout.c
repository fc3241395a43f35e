/* The layout of version 1 on 64-bit machines: an assert on a member never changes. Compiled against
 * the frozen header (FROZEN) and against today's, whose structs that lead with their size may have
 * grown since. */
#include <stddef.h>

#include "usher/plugin.h"

#ifdef FROZEN
#define SIZE_IS(type, bytes) (sizeof(type) == (bytes))
#else
#define SIZE_IS(type, bytes) (sizeof(type) >= (bytes))
#endif

_Static_assert(sizeof(usher_string) == 16, "usher_string");
_Static_assert(offsetof(usher_string, data) == 0, "usher_string.data");
_Static_assert(offsetof(usher_string, size) == 8, "usher_string.size");
_Static_assert(sizeof(usher_pair) == 32, "usher_pair");
_Static_assert(offsetof(usher_pair, key) == 0, "usher_pair.key");
_Static_assert(offsetof(usher_pair, value) == 16, "usher_pair.value");
_Static_assert(SIZE_IS(usher_error, 32), "usher_error");
_Static_assert(offsetof(usher_error, size) == 0, "usher_error.size");
_Static_assert(offsetof(usher_error, code) == 4, "usher_error.code");
_Static_assert(offsetof(usher_error, message) == 8, "usher_error.message");
_Static_assert(offsetof(usher_error, capacity) == 16, "usher_error.capacity");
_Static_assert(offsetof(usher_error, length) == 24, "usher_error.length");
_Static_assert(sizeof(usher_done) == 24, "usher_done");
_Static_assert(offsetof(usher_done, call) == 0, "usher_done.call");
_Static_assert(offsetof(usher_done, context) == 8, "usher_done.context");
_Static_assert(offsetof(usher_done, ticket) == 16, "usher_done.ticket");
_Static_assert(SIZE_IS(usher_setting, 72), "usher_setting");
_Static_assert(offsetof(usher_setting, size) == 0, "usher_setting.size");
_Static_assert(offsetof(usher_setting, type) == 4, "usher_setting.type");
_Static_assert(offsetof(usher_setting, key) == 8, "usher_setting.key");
_Static_assert(offsetof(usher_setting, string) == 24, "usher_setting.string");
_Static_assert(offsetof(usher_setting, integer) == 40, "usher_setting.integer");
_Static_assert(offsetof(usher_setting, real) == 48, "usher_setting.real");
_Static_assert(offsetof(usher_setting, list) == 56, "usher_setting.list");
_Static_assert(offsetof(usher_setting, list_count) == 64, "usher_setting.list_count");
_Static_assert(SIZE_IS(usher_settings, 24), "usher_settings");
_Static_assert(offsetof(usher_settings, size) == 0, "usher_settings.size");
_Static_assert(offsetof(usher_settings, items) == 8, "usher_settings.items");
_Static_assert(offsetof(usher_settings, count) == 16, "usher_settings.count");
_Static_assert(SIZE_IS(usher_identity, 184), "usher_identity");
_Static_assert(offsetof(usher_identity, size) == 0, "usher_identity.size");
_Static_assert(offsetof(usher_identity, flags) == 4, "usher_identity.flags");
_Static_assert(offsetof(usher_identity, pod_namespace) == 8, "usher_identity.pod_namespace");
_Static_assert(offsetof(usher_identity, pod_name) == 24, "usher_identity.pod_name");
_Static_assert(offsetof(usher_identity, pod_uid) == 40, "usher_identity.pod_uid");
_Static_assert(offsetof(usher_identity, container_name) == 56, "usher_identity.container_name");
_Static_assert(offsetof(usher_identity, container_id) == 72, "usher_identity.container_id");
_Static_assert(offsetof(usher_identity, sandbox_id) == 88, "usher_identity.sandbox_id");
_Static_assert(offsetof(usher_identity, image) == 104, "usher_identity.image");
_Static_assert(offsetof(usher_identity, runtime_handler) == 120, "usher_identity.runtime_handler");
_Static_assert(offsetof(usher_identity, pod_labels) == 136, "usher_identity.pod_labels");
_Static_assert(offsetof(usher_identity, pod_label_count) == 144, "usher_identity.pod_label_count");
_Static_assert(offsetof(usher_identity, identity_source) == 152, "usher_identity.identity_source");
_Static_assert(offsetof(usher_identity, labels_source) == 168, "usher_identity.labels_source");
#ifndef FROZEN
_Static_assert(offsetof(usher_identity, unknown) == 184, "usher_identity.unknown");
#endif
_Static_assert(SIZE_IS(usher_event, 56), "usher_event");
_Static_assert(offsetof(usher_event, size) == 0, "usher_event.size");
_Static_assert(offsetof(usher_event, kind) == 4, "usher_event.kind");
_Static_assert(offsetof(usher_event, runtime) == 8, "usher_event.runtime");
_Static_assert(offsetof(usher_event, identity) == 24, "usher_event.identity");
_Static_assert(offsetof(usher_event, cgroup_path) == 32, "usher_event.cgroup_path");
_Static_assert(offsetof(usher_event, pid) == 48, "usher_event.pid");
_Static_assert(SIZE_IS(usher_host, 48), "usher_host");
_Static_assert(offsetof(usher_host, size) == 0, "usher_host.size");
_Static_assert(offsetof(usher_host, minor) == 4, "usher_host.minor");
_Static_assert(offsetof(usher_host, context) == 8, "usher_host.context");
_Static_assert(offsetof(usher_host, publish) == 16, "usher_host.publish");
_Static_assert(offsetof(usher_host, log) == 24, "usher_host.log");
_Static_assert(offsetof(usher_host, set_health) == 32, "usher_host.set_health");
_Static_assert(offsetof(usher_host, extension) == 40, "usher_host.extension");
_Static_assert(SIZE_IS(usher_plugin, 104), "usher_plugin");
_Static_assert(offsetof(usher_plugin, size) == 0, "usher_plugin.size");
_Static_assert(offsetof(usher_plugin, name) == 8, "usher_plugin.name");
_Static_assert(offsetof(usher_plugin, version) == 24, "usher_plugin.version");
_Static_assert(offsetof(usher_plugin, minor) == 4, "usher_plugin.minor");
_Static_assert(offsetof(usher_plugin, runtimes) == 40, "usher_plugin.runtimes");
_Static_assert(offsetof(usher_plugin, runtime_count) == 48, "usher_plugin.runtime_count");
_Static_assert(offsetof(usher_plugin, probe) == 56, "usher_plugin.probe");
_Static_assert(offsetof(usher_plugin, create) == 64, "usher_plugin.create");
_Static_assert(offsetof(usher_plugin, start) == 72, "usher_plugin.start");
_Static_assert(offsetof(usher_plugin, stop) == 80, "usher_plugin.stop");
_Static_assert(offsetof(usher_plugin, destroy) == 88, "usher_plugin.destroy");
_Static_assert(offsetof(usher_plugin, extension) == 96, "usher_plugin.extension");
_Static_assert(SIZE_IS(usher_oci_state, 128), "usher_oci_state");
_Static_assert(offsetof(usher_oci_state, size) == 0, "usher_oci_state.size");
_Static_assert(offsetof(usher_oci_state, runtime) == 8, "usher_oci_state.runtime");
_Static_assert(offsetof(usher_oci_state, raw) == 24, "usher_oci_state.raw");
_Static_assert(offsetof(usher_oci_state, id) == 40, "usher_oci_state.id");
_Static_assert(offsetof(usher_oci_state, status) == 56, "usher_oci_state.status");
_Static_assert(offsetof(usher_oci_state, bundle) == 72, "usher_oci_state.bundle");
_Static_assert(offsetof(usher_oci_state, root) == 88, "usher_oci_state.root");
_Static_assert(offsetof(usher_oci_state, pid) == 104, "usher_oci_state.pid");
_Static_assert(offsetof(usher_oci_state, annotations) == 112, "usher_oci_state.annotations");
_Static_assert(offsetof(usher_oci_state, annotation_count) == 120,
               "usher_oci_state.annotation_count");
_Static_assert(sizeof(usher_identified) == 24, "usher_identified");
_Static_assert(offsetof(usher_identified, call) == 0, "usher_identified.call");
_Static_assert(offsetof(usher_identified, context) == 8, "usher_identified.context");
_Static_assert(offsetof(usher_identified, ticket) == 16, "usher_identified.ticket");
_Static_assert(SIZE_IS(usher_oci, 16), "usher_oci");
_Static_assert(offsetof(usher_oci, size) == 0, "usher_oci.size");
_Static_assert(offsetof(usher_oci, identify) == 8, "usher_oci.identify");
_Static_assert(SIZE_IS(usher_install_step, 56), "usher_install_step");
_Static_assert(offsetof(usher_install_step, size) == 0, "usher_install_step.size");
_Static_assert(offsetof(usher_install_step, kind) == 4, "usher_install_step.kind");
_Static_assert(offsetof(usher_install_step, path) == 8, "usher_install_step.path");
_Static_assert(offsetof(usher_install_step, what) == 24, "usher_install_step.what");
_Static_assert(offsetof(usher_install_step, diff) == 40, "usher_install_step.diff");
_Static_assert(SIZE_IS(usher_install_sink, 32), "usher_install_sink");
_Static_assert(offsetof(usher_install_sink, size) == 0, "usher_install_sink.size");
_Static_assert(offsetof(usher_install_sink, context) == 8, "usher_install_sink.context");
_Static_assert(offsetof(usher_install_sink, step) == 16, "usher_install_sink.step");
_Static_assert(offsetof(usher_install_sink, problem) == 24, "usher_install_sink.problem");
_Static_assert(SIZE_IS(usher_install, 40), "usher_install");
_Static_assert(offsetof(usher_install, size) == 0, "usher_install.size");
_Static_assert(offsetof(usher_install, plan) == 8, "usher_install.plan");
_Static_assert(offsetof(usher_install, install) == 16, "usher_install.install");
_Static_assert(offsetof(usher_install, verify) == 24, "usher_install.verify");
_Static_assert(offsetof(usher_install, uninstall) == 32, "usher_install.uninstall");
_Static_assert(sizeof(usher_callback) == 16, "usher_callback");
_Static_assert(offsetof(usher_callback, call) == 0, "usher_callback.call");
_Static_assert(offsetof(usher_callback, context) == 8, "usher_callback.context");
_Static_assert(SIZE_IS(usher_loop, 40), "usher_loop");
_Static_assert(offsetof(usher_loop, size) == 0, "usher_loop.size");
_Static_assert(offsetof(usher_loop, watch) == 8, "usher_loop.watch");
_Static_assert(offsetof(usher_loop, timer) == 16, "usher_loop.timer");
_Static_assert(offsetof(usher_loop, post) == 24, "usher_loop.post");
_Static_assert(offsetof(usher_loop, cancel) == 32, "usher_loop.cancel");

/* Values. */
_Static_assert(USHER_MAJOR == 1, "USHER_MAJOR");
_Static_assert(USHER_OK == 0, "USHER_OK");
_Static_assert(USHER_FAILED == 1, "USHER_FAILED");
_Static_assert(USHER_ABSENT == 2, "USHER_ABSENT");
_Static_assert(USHER_INVALID == 3, "USHER_INVALID");
_Static_assert(USHER_BUSY == 4, "USHER_BUSY");
_Static_assert(USHER_STOPPING == 5, "USHER_STOPPING");
_Static_assert(USHER_VALUE_STRING == 1, "USHER_VALUE_STRING");
_Static_assert(USHER_VALUE_INTEGER == 2, "USHER_VALUE_INTEGER");
_Static_assert(USHER_VALUE_REAL == 3, "USHER_VALUE_REAL");
_Static_assert(USHER_VALUE_BOOLEAN == 4, "USHER_VALUE_BOOLEAN");
_Static_assert(USHER_VALUE_LIST == 5, "USHER_VALUE_LIST");
_Static_assert(USHER_IDENTITY_SANDBOX == 1u, "USHER_IDENTITY_SANDBOX");
_Static_assert(USHER_IDENTITY_LABELS_KNOWN == 2u, "USHER_IDENTITY_LABELS_KNOWN");
#ifndef FROZEN
_Static_assert(USHER_UNKNOWN_HANDLER == 1u, "USHER_UNKNOWN_HANDLER");
_Static_assert(USHER_UNKNOWN_RECORD == 2u, "USHER_UNKNOWN_RECORD");
_Static_assert(USHER_IDENTITY_GUEST == 4u, "USHER_IDENTITY_GUEST");
_Static_assert(USHER_IDENTITY_HOST_ROOT == 8u, "USHER_IDENTITY_HOST_ROOT");
#endif
_Static_assert(USHER_EVENT_SANDBOX_STARTING == 1, "USHER_EVENT_SANDBOX_STARTING");
_Static_assert(USHER_EVENT_SANDBOX_GONE == 2, "USHER_EVENT_SANDBOX_GONE");
_Static_assert(USHER_EVENT_CONTAINER_STARTING == 3, "USHER_EVENT_CONTAINER_STARTING");
_Static_assert(USHER_EVENT_CONTAINER_RUNNING == 4, "USHER_EVENT_CONTAINER_RUNNING");
_Static_assert(USHER_EVENT_CONTAINER_GONE == 5, "USHER_EVENT_CONTAINER_GONE");
_Static_assert(USHER_EVENT_SYNCED == 6, "USHER_EVENT_SYNCED");
_Static_assert(USHER_EVENT_LISTING == 7, "USHER_EVENT_LISTING");
_Static_assert(USHER_LOG_DEBUG == 1, "USHER_LOG_DEBUG");
_Static_assert(USHER_LOG_INFO == 2, "USHER_LOG_INFO");
_Static_assert(USHER_LOG_WARNING == 3, "USHER_LOG_WARNING");
_Static_assert(USHER_LOG_ERROR == 4, "USHER_LOG_ERROR");
_Static_assert(USHER_HEALTHY == 1, "USHER_HEALTHY");
_Static_assert(USHER_DEGRADED == 2, "USHER_DEGRADED");
_Static_assert(USHER_UNHEALTHY == 3, "USHER_UNHEALTHY");
_Static_assert(USHER_STEP_CREATE == 1, "USHER_STEP_CREATE");
_Static_assert(USHER_STEP_REPLACE == 2, "USHER_STEP_REPLACE");
_Static_assert(USHER_STEP_REMOVE == 3, "USHER_STEP_REMOVE");
_Static_assert(USHER_STEP_KEEP == 4, "USHER_STEP_KEEP");
_Static_assert(USHER_STEP_MANUAL == 5, "USHER_STEP_MANUAL");
_Static_assert(USHER_READABLE == 1u, "USHER_READABLE");
_Static_assert(USHER_WRITABLE == 2u, "USHER_WRITABLE");
_Static_assert(sizeof(USHER_EXT_OCI) == sizeof("usher.oci/1"), "USHER_EXT_OCI");
_Static_assert(sizeof(USHER_EXT_INSTALL) == sizeof("usher.install/1"), "USHER_EXT_INSTALL");
_Static_assert(sizeof(USHER_EXT_LOOP) == sizeof("usher.loop/1"), "USHER_EXT_LOOP");

/* What each function takes and gives. */
#define TYPE_IS(type, member, ...) \
  _Static_assert(_Generic(((type*)0)->member, __VA_ARGS__: 1, default: 0), #type "." #member)
TYPE_IS(usher_done, call, void (*)(void*, uint64_t, int32_t, const usher_error*));
TYPE_IS(usher_host, publish, int32_t (*)(void*, const usher_event*, usher_done, usher_error*));
TYPE_IS(usher_host, log, void (*)(void*, uint32_t, usher_string));
TYPE_IS(usher_host, set_health, void (*)(void*, uint32_t, usher_string));
TYPE_IS(usher_host, extension, const void* (*)(void*, usher_string));
TYPE_IS(usher_plugin, probe, int32_t (*)(const usher_settings*, usher_error*));
TYPE_IS(usher_plugin, create,
        int32_t (*)(const usher_host*, const usher_settings*, void**, usher_error*));
TYPE_IS(usher_plugin, start, int32_t (*)(void*, usher_error*));
TYPE_IS(usher_plugin, stop, void (*)(void*, usher_done));
TYPE_IS(usher_plugin, destroy, void (*)(void*));
TYPE_IS(usher_plugin, extension, const void* (*)(usher_string));
TYPE_IS(usher_identified, call,
        void (*)(void*, uint64_t, const usher_identity*, const usher_error*));
TYPE_IS(usher_oci, identify, void (*)(void*, const usher_oci_state*, usher_identified));
TYPE_IS(usher_install_sink, step, void (*)(void*, const usher_install_step*));
TYPE_IS(usher_install_sink, problem, void (*)(void*, usher_string));
TYPE_IS(usher_install, plan,
        int32_t (*)(const usher_settings*, const usher_install_sink*, usher_error*));
TYPE_IS(usher_install, install,
        int32_t (*)(const usher_settings*, const usher_install_sink*, usher_error*));
TYPE_IS(usher_install, verify,
        int32_t (*)(const usher_settings*, const usher_install_sink*, usher_error*));
TYPE_IS(usher_install, uninstall,
        int32_t (*)(const usher_settings*, const usher_install_sink*, usher_error*));
TYPE_IS(usher_callback, call, void (*)(void*, uint32_t));
TYPE_IS(usher_loop, watch,
        int32_t (*)(void*, int32_t, uint32_t, usher_callback, uint64_t*, usher_error*));
TYPE_IS(usher_loop, timer, int32_t (*)(void*, uint64_t, usher_callback, uint64_t*, usher_error*));
TYPE_IS(usher_loop, post, int32_t (*)(void*, usher_callback, usher_error*));
TYPE_IS(usher_loop, cancel, void (*)(void*, uint64_t));

#ifndef FROZEN /* since 1.2 */
_Static_assert(USHER_GUEST_ENFORCES_EXEC == 1u, "USHER_GUEST_ENFORCES_EXEC");
_Static_assert(USHER_GUEST_ENFORCES_FILES == 2u, "USHER_GUEST_ENFORCES_FILES");
_Static_assert(USHER_GUEST_ENFORCES_SOCKETS == 4u, "USHER_GUEST_ENFORCES_SOCKETS");
_Static_assert(USHER_GUEST_ENFORCES_FROM == 8u, "USHER_GUEST_ENFORCES_FROM");
_Static_assert(USHER_GUEST_ENFORCES_SOCKET_FROM == 16u, "USHER_GUEST_ENFORCES_SOCKET_FROM");
_Static_assert(USHER_GUEST_RUNNING == 1u, "USHER_GUEST_RUNNING");
_Static_assert(USHER_GUEST_ENDED == 2u, "USHER_GUEST_ENDED");
_Static_assert(sizeof(USHER_EXT_GUESTS) == sizeof("usher.guests/1"), "USHER_EXT_GUESTS");
_Static_assert(sizeof(USHER_EXT_GUEST_RELAY) == sizeof("usher.guest-relay/1"),
               "USHER_EXT_GUEST_RELAY");
_Static_assert(SIZE_IS(usher_guest_claim, 56), "usher_guest_claim");
_Static_assert(offsetof(usher_guest_claim, enforces) == 4, "usher_guest_claim.enforces");
_Static_assert(offsetof(usher_guest_claim, sandbox_id) == 8, "usher_guest_claim.sandbox_id");
_Static_assert(offsetof(usher_guest_claim, container_id) == 24, "usher_guest_claim.container_id");
_Static_assert(offsetof(usher_guest_claim, backend) == 40, "usher_guest_claim.backend");
_Static_assert(SIZE_IS(usher_guest_policy, 40), "usher_guest_policy");
_Static_assert(offsetof(usher_guest_policy, name) == 8, "usher_guest_policy.name");
_Static_assert(offsetof(usher_guest_policy, text) == 24, "usher_guest_policy.text");
_Static_assert(SIZE_IS(usher_guest_policies, 32), "usher_guest_policies");
_Static_assert(offsetof(usher_guest_policies, generation) == 8, "usher_guest_policies.generation");
_Static_assert(offsetof(usher_guest_policies, items) == 16, "usher_guest_policies.items");
_Static_assert(offsetof(usher_guest_policies, count) == 24, "usher_guest_policies.count");
_Static_assert(sizeof(usher_guest_granted) == 24, "usher_guest_granted");
_Static_assert(SIZE_IS(usher_guest_session, 120), "usher_guest_session");
_Static_assert(offsetof(usher_guest_session, enforces) == 4, "usher_guest_session.enforces");
_Static_assert(offsetof(usher_guest_session, sandbox_id) == 8, "usher_guest_session.sandbox_id");
_Static_assert(offsetof(usher_guest_session, backend) == 24, "usher_guest_session.backend");
_Static_assert(offsetof(usher_guest_session, kernel) == 40, "usher_guest_session.kernel");
_Static_assert(offsetof(usher_guest_session, version) == 56, "usher_guest_session.version");
_Static_assert(offsetof(usher_guest_session, trouble) == 72, "usher_guest_session.trouble");
_Static_assert(offsetof(usher_guest_session, applied) == 88, "usher_guest_session.applied");
_Static_assert(offsetof(usher_guest_session, problem) == 96, "usher_guest_session.problem");
_Static_assert(offsetof(usher_guest_session, away) == 112, "usher_guest_session.away");
_Static_assert(SIZE_IS(usher_guests, 48), "usher_guests");
_Static_assert(offsetof(usher_guests, claim) == 8, "usher_guests.claim");
_Static_assert(offsetof(usher_guests, report) == 16, "usher_guests.report");
_Static_assert(offsetof(usher_guests, session) == 24, "usher_guests.session");
_Static_assert(offsetof(usher_guests, told) == 32, "usher_guests.told");
_Static_assert(offsetof(usher_guests, warn) == 40, "usher_guests.warn");
_Static_assert(SIZE_IS(usher_guest_relay, 24), "usher_guest_relay");
_Static_assert(offsetof(usher_guest_relay, container) == 8, "usher_guest_relay.container");
_Static_assert(offsetof(usher_guest_relay, policies) == 16, "usher_guest_relay.policies");
TYPE_IS(usher_guest_granted, call,
        void (*)(void*, uint64_t, int32_t, const usher_identity*, usher_string,
                 const usher_guest_policies*, const usher_error*));
TYPE_IS(usher_guests, claim,
        int32_t (*)(void*, const usher_guest_claim*, usher_guest_granted, usher_error*));
TYPE_IS(usher_guests, report, void (*)(void*, usher_string, usher_string, uint32_t));
TYPE_IS(usher_guests, session, void (*)(void*, usher_string, const usher_guest_session*));
TYPE_IS(usher_guests, told, void (*)(void*, usher_string, usher_string));
TYPE_IS(usher_guests, warn,
        void (*)(void*, uint32_t, usher_string, usher_string, usher_string, usher_string));
TYPE_IS(usher_guest_relay, container, void (*)(void*, uint32_t, const usher_identity*));
TYPE_IS(usher_guest_relay, policies, void (*)(void*, usher_string, const usher_guest_policies*));
#endif

typedef int usher_abi_layout_is_checked;
