/* SPDX-License-Identifier: Apache-2.0
 *
 * The C ABI of Usher's runtime adapters, version 1.2. An adapter is a shared object that exports
 * one data symbol, usher_plugin_v1; the agent loads it, asks it who a container is, and hears from
 * it of containers. docs/plugin-abi.md is the guide, plugin.hpp the C++ class over this header.
 *
 * Rules, of which no member below makes an exception:
 *  - Every struct that can grow starts with `size`, set by whoever fills it to sizeof as it knew
 *    it. Members are only appended. A reader uses the smaller of both sizes and takes what lies
 *    beyond as zero (absent). Less than version 1.0's size is refused: no such writer exists.
 *    usher_string, usher_pair and the callback structs (usher_done, usher_identified,
 *    usher_callback) never grow. `reserved` is written as 0 and not read.
 *  - Arrays of structs that can grow are arrays of pointers.
 *  - Only the number in the symbol's name refuses a load. usher_plugin.minor and usher_host.minor
 *    say which header the other side was built with. A kind, flag or type that the reader does not
 *    know is refused, so an adapter sends a later minor's only where the host's minor has it.
 *  - Strings are (data, size), bytes, not terminated, possibly with any byte in them. data may be
 *    NULL where size is 0 only. What is passed to a call is borrowed until that call returns, if
 *    its contract does not say more; whoever needs it longer copies. Pointers may be NULL only
 *    where their contract says so.
 *  - Errors go to a struct that the caller owns. Calls that can fail return USHER_OK or another
 *    USHER_ status and then have set the error. `error` may be NULL.
 *  - No C++ exception, longjmp or cancellation crosses the ABI.
 *  - Thread tags: [main] is called on the agent's loop, or on the only thread of a program without
 *    one (usherctl), never re-entered from a call of the adapter's own; must not block. [any] may
 *    be called from any thread, also from within a [main] call, also at the same time.
 *  - An answer (usher_done, usher_identified) is given exactly once, by `call(context, ticket, …)`,
 *    [any]. A second answer to the same ticket is ignored, logged and counted.
 *  - An adapter shares its process with the agent: it leaves signals, the working directory, umask,
 *    locale and environment alone and never forks without exec. Its threads block all signals.
 *    Several instances may live in a process, one after the other or at once.
 *  - 64-bit machines; little and big endian alike.
 */
#ifndef USHER_PLUGIN_H
#define USHER_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_MAJOR 1
#define USHER_MINOR 2

/* Statuses. Others are read as USHER_FAILED. */
#define USHER_OK 0
#define USHER_FAILED 1   /* tried, did not work */
#define USHER_ABSENT 2   /* probe only: the runtime is not on this node */
#define USHER_INVALID 3  /* a value that was passed is not acceptable; trying again is useless */
#define USHER_BUSY 4     /* nothing was kept, too much is waiting: again a little later */
#define USHER_STOPPING 5 /* the host takes nothing any more */

typedef struct usher_string {
  const char* data;
  uint64_t size;
} usher_string;

/* A usher_string of a literal: { USHER_LITERAL("cri-o") } */
#define USHER_LITERAL(text) (text), (sizeof(text) - 1)

typedef struct usher_pair {
  usher_string key;
  usher_string value;
} usher_pair;

/* Owned by the caller, who sets size, message and capacity and zeroes the rest. message may be NULL
 * where capacity is 0. In an answer, whose caller is the one who failed, it holds the failure. */
typedef struct usher_error {
  uint32_t size;
  int32_t code;  /* errno where the failure came from the system, else 0 */
  char* message; /* capacity bytes; the callee writes a sentence: what, where, what to do */
  uint64_t capacity;
  uint64_t length; /* bytes written, <= capacity; a longer message is cut */
} usher_error;

/* The end of something that was asked for. status as above; error may be NULL, and is where status
 * is USHER_OK; it is borrowed for the call. The struct is copied; what context points to stays the
 * giver's and must live until the call. */
typedef struct usher_done {
  void (*call)(void* context, uint64_t ticket, int32_t status,
               const usher_error* error); /* [any] */
  void* context;
  uint64_t ticket;
} usher_done;

/* ---- settings: an adapter's configuration, already parsed ---- */

#define USHER_VALUE_STRING 1
#define USHER_VALUE_INTEGER 2
#define USHER_VALUE_REAL 3
#define USHER_VALUE_BOOLEAN 4 /* integer is 0 or 1 */
#define USHER_VALUE_LIST 5    /* of strings */

typedef struct usher_setting {
  uint32_t size;
  uint32_t type;    /* USHER_VALUE_ */
  usher_string key; /* dotted: "cri.socket" */
  usher_string string;
  int64_t integer;
  double real;
  const usher_string* list;
  uint64_t list_count;
} usher_setting;

/* Keys are unique and sorted bytewise; nested tables have dotted keys. items may be NULL where
 * count is 0. An adapter refuses a key that it does not know with USHER_INVALID. */
typedef struct usher_settings {
  uint32_t size;
  uint32_t reserved;
  const usher_setting* const* items;
  uint64_t count;
} usher_settings;

/* ---- who a container is, and what happens to it ---- */

#define USHER_IDENTITY_SANDBOX 1u      /* the pod's own (pause) container */
#define USHER_IDENTITY_LABELS_KNOWN 2u /* pod_labels are all there are; without it: not known */
#define USHER_IDENTITY_GUEST 4u        /* its processes run in another kernel; since 1.2 */
#define USHER_IDENTITY_HOST_ROOT 8u    /* lives in the host's own root; since 1.2 */

/* What is not there because it could not be had, as opposed to there being none of it. */
#define USHER_UNKNOWN_HANDLER 1u /* runtime_handler: this runtime does not tell it, or not now */
#define USHER_UNKNOWN_RECORD 2u  /* the runtime's own record of the pod, if it keeps one */

/* An empty pod_namespace, pod_name and pod_uid together: a container that is no pod's. Sources are
 * shown to people: the record that the part was read from. A text is at most 64 KiB, labels are at
 * most 4096 and 1 MiB together. Of a sandbox the agent keeps 256 KiB of texts and labels at most,
 * and 4096 sandboxes of an adapter: what is beyond is answered with a failure, and the labels of
 * its containers count as not known. */
typedef struct usher_identity {
  uint32_t size;
  uint32_t flags; /* USHER_IDENTITY_ */
  usher_string pod_namespace;
  usher_string pod_name;
  usher_string pod_uid;
  usher_string container_name;
  usher_string container_id;
  usher_string sandbox_id;
  usher_string image;
  usher_string runtime_handler;
  const usher_pair* pod_labels; /* keys unique, any order; NULL where there are none */
  uint64_t pod_label_count;
  usher_string identity_source;
  usher_string labels_source;
  uint32_t unknown; /* USHER_UNKNOWN_; since 1.1, which a host of 1.0 does not read */
  uint32_t reserved;
} usher_identity;

/* The feed is list, then watch: after start, and again after every reconnect to the runtime, an
 * adapter publishes LISTING, each sandbox and container that exists, SYNCED; from then on what
 * changes. Each list is one runtime's, the one that LISTING and SYNCED name: of that, a sandbox
 * that was published before LISTING and is not again before SYNCED is forgotten. Containers are
 * never swept: the kernel says when they end. Without a LISTING the list began at start, or at the
 * last SYNCED of that runtime. Events may be repeated; the agent takes them in the order in which
 * one thread published them.
 *
 *   kind                identity must hold            cgroup_path, pid
 *   SANDBOX_STARTING    sandbox_id (1), pod, labels   may be empty; also for one found running
 *   SANDBOX_GONE        sandbox_id (1)                not read
 *   CONTAINER_STARTING  container_id, its pod         one of the two (2), or both (3)
 *   CONTAINER_RUNNING   container_id, its pod         one of the two, or both (3)
 *   CONTAINER_GONE      container_id                  not read
 *   SYNCED, LISTING     (NULL)                        not read
 *
 *   (1) or container_id, where the sandbox is a container and both are the same
 *   (2) its init waits in its own cgroup, mount namespace and root (OCI `created`); a container
 *       that shares the mount namespace of others is refused
 *   (3) the pid decides; a cgroup_path that is not the cgroup of that process is refused
 *
 * CONTAINER_STARTING and CONTAINER_RUNNING of the container that a sandbox itself is
 * (USHER_IDENTITY_SANDBOX): it is enrolled where a policy takes sandboxes in, whether its program
 * waits or runs, and otherwise answered with USHER_OK alone.
 *
 * Where the identity has USHER_IDENTITY_GUEST (since 1.2) no kernel of the agent's sees the
 * container: cgroup_path and pid are not read, CONTAINER_STARTING is no gate but says that it is
 * known and being created, and the gate is usher.guests/1's claim. USHER_IDENTITY_HOST_ROOT (since
 * 1.2) goes with CONTAINER_RUNNING and a pid alone: the processes of the runtime itself for one
 * sandbox (a virtual machine's monitor), in a cgroup of their own and in the host's root; a
 * workload of that sandbox, whose tasks are tagged.
 */
#define USHER_EVENT_SANDBOX_STARTING 1
#define USHER_EVENT_SANDBOX_GONE 2
#define USHER_EVENT_CONTAINER_STARTING 3 /* a gate: the runtime's reply waits for `done` */
#define USHER_EVENT_CONTAINER_RUNNING 4  /* found running */
#define USHER_EVENT_CONTAINER_GONE 5     /* a hint: the kernel says when a container has ended */
#define USHER_EVENT_SYNCED 6             /* all of `runtime` that exists was published */
#define USHER_EVENT_LISTING 7            /* all of `runtime` that exists follows */

typedef struct usher_event {
  uint32_t size;
  uint32_t kind;                  /* USHER_EVENT_ */
  usher_string runtime;           /* one of usher_plugin.runtimes */
  const usher_identity* identity; /* NULL with SYNCED and LISTING, and only there */
  /* The container's own, whole cgroup: below the cgroup2 mount, begins with '/', or the form
   * slice:prefix:name of OCI's cgroupsPath; at most 4096 bytes; or empty. */
  usher_string cgroup_path;
  int64_t pid; /* the container's init, as the agent's /proc shows it; or 0 */
} usher_event;

/* ---- what the host offers ---- */

#define USHER_LOG_DEBUG 1
#define USHER_LOG_INFO 2
#define USHER_LOG_WARNING 3
#define USHER_LOG_ERROR 4

#define USHER_HEALTHY 1
#define USHER_DEGRADED 2  /* works, with what `reason` says missing */
#define USHER_UNHEALTHY 3 /* lost the runtime; nothing that is enrolled is dropped for it */

/* Valid, with its context, from create until destroy returns. All [any], none NULL. From create on
 * an adapter may log and say its health, from the call to start on it may publish. */
typedef struct usher_host {
  uint32_t size;
  uint32_t minor; /* USHER_MINOR of the host's header */
  void* context;  /* first argument of every call */
  /* Copies the event. done.call may be NULL but for CONTAINER_STARTING. Where publish returns
   * USHER_OK done is called once, [any], also before publish returns: with USHER_OK when the agent
   * has done what the event asks (a gate: the container is enrolled and may run), else with the
   * reason. The start of a container or a sandbox is answered within a deadline of the host's, by
   * error.code ETIMEDOUT where the agent did not decide: the runtime never waits for ever, and the
   * container must not run. When the host stops, all that is open is answered, with ECANCELED,
   * before `stop` is called. A second gate of a container confirms the first. Where publish returns
   * anything else done is not called: USHER_INVALID, and error says what is wrong; USHER_STOPPING;
   * USHER_BUSY, where 1024 events of this adapter, or 16 MiB of them, are not dealt with yet: each
   * that is makes room, which a `done` tells; who waits for none tries again after a pause. */
  int32_t (*publish)(void* context, const usher_event* event, usher_done done, usher_error* error);
  /* At most 8 KiB are shown; lines that come faster than the agent writes are dropped, counted. */
  void (*log)(void* context, uint32_t level, usher_string message);
  /* Until it is said: USHER_HEALTHY. Of words said in a row the last counts. */
  void (*set_health)(void* context, uint32_t health, usher_string reason);
  /* The extension's table or NULL; valid as long as the host is. */
  const void* (*extension)(void* context, usher_string id);
} usher_host;

/* ---- what the adapter offers ---- */

/* Constant data, valid for ever: an adapter's library is never unloaded. No member is NULL but
 * extension. */
typedef struct usher_plugin {
  uint32_t size;
  uint32_t minor;       /* USHER_MINOR of the adapter's header */
  usher_string name;    /* [a-z0-9-]{1,64}, as the configuration and `usherctl runtime` use it */
  usher_string version; /* for people */
  /* The names, [a-zA-Z0-9._-]{1,64}, 1 to 64 of them, that its events and a hook's --runtime carry.
   * A name belongs to one adapter of a node. */
  const usher_string* runtimes;
  uint64_t runtime_count;
  /* [main] Is the runtime here? USHER_OK; or USHER_ABSENT with why not. May read files; no side
   * effect. Settings are those that create would get. */
  int32_t (*probe)(const usher_settings* settings, usher_error* error);
  /* [main] Checks the settings, makes an instance in *instance, not NULL; nothing runs yet. On an
   * error nothing was made. */
  int32_t (*create)(const usher_host* host, const usher_settings* settings, void** instance,
                    usher_error* error);
  /* [main] Once. From its call on the instance may publish, from its return on it is asked through
   * its extensions. On an error nothing runs. */
  int32_t (*start)(void* instance, usher_error* error);
  /* [main] Once, only after a start that worked, possibly at once after it. Answers `stopped` when
   * no call to the host will come any more but from within destroy; first everything that was asked
   * and not answered yet is answered. An instance that does not answer within the host's deadline
   * is left alone for ever. */
  void (*stop)(void* instance, usher_done stopped);
  /* [main] After `stopped`, or after create where start was not called or failed. No callback of
   * usher.loop/1 comes any more. */
  void (*destroy)(void* instance);
  /* [any] The extension's table or NULL; valid for ever. May be NULL: no extensions. */
  const void* (*extension)(usher_string id);
} usher_plugin;

#if defined(__GNUC__) || defined(__clang__)
#define USHER_EXPORT __attribute__((visibility("default")))
#else
#define USHER_EXPORT
#endif

/* The one symbol. */
extern USHER_EXPORT const usher_plugin usher_plugin_v1;

/* ---- adapter extension usher.oci/1: who a container is, from its OCI state ---- */

#define USHER_EXT_OCI "usher.oci/1"

typedef struct usher_oci_state {
  uint32_t size;
  uint32_t reserved;
  usher_string runtime; /* as the hook's installer named it: one of usher_plugin.runtimes */
  usher_string raw;     /* the runtime's JSON, whole; the rest is read from it */
  usher_string id;
  usher_string status;
  usher_string bundle;
  usher_string root;             /* empty where the runtime does not give it */
  int64_t pid;                   /* 0: not given */
  const usher_pair* annotations; /* keys unique, sorted bytewise */
  uint64_t annotation_count;
} usher_oci_state;

/* identity NULL: not known, and error says which key and why. Both borrowed for the call. There is
 * no status here: error.code, an errno, says what the failure comes to.
 *   EAGAIN      not known yet (the runtime does not answer now, its record is not there yet): the
 *               host asks again after a pause, under a new ticket, until the deadline of the gate;
 *               then the container is refused with the last reason.
 *   any other   refused, and not asked again; 0 where no system call failed, or where its EAGAIN is
 *               not worth asking again. */
typedef struct usher_identified {
  void (*call)(void* context, uint64_t ticket, const usher_identity* identity,
               const usher_error* error); /* [any] */
  void* context;
  uint64_t ticket;
} usher_identified;

typedef struct usher_oci {
  uint32_t size;
  uint32_t reserved;
  /* [main] Answers now or later. The host gives up after a deadline; a later answer is ignored. */
  void (*identify)(void* instance, const usher_oci_state* state, usher_identified answer);
} usher_oci;

/* ---- adapter extension usher.install/1: what the runtime's configuration needs ---- */

#define USHER_EXT_INSTALL "usher.install/1"

#define USHER_STEP_CREATE 1
#define USHER_STEP_REPLACE 2
#define USHER_STEP_REMOVE 3
#define USHER_STEP_KEEP 4   /* already as it should be */
#define USHER_STEP_MANUAL 5 /* a person must do it: `what` says what, path may be empty */

typedef struct usher_install_step {
  uint32_t size;
  uint32_t kind;     /* USHER_STEP_ */
  usher_string path; /* under the root prefix, as it would be on the node */
  usher_string what; /* a sentence */
  usher_string diff; /* unified, or empty */
} usher_install_step;

/* Told on the calling thread, during the call only, in the order in which things happen. */
typedef struct usher_install_sink {
  uint32_t size;
  uint32_t reserved;
  void* context;
  void (*step)(void* context, const usher_install_step* step);
  void (*problem)(void* context, usher_string sentence); /* what is wrong and how to mend it */
} usher_install_sink;

/* All [main], blocking, without an instance: they work when no agent runs. Repeating one changes
 * nothing more. The setting "root" (a directory, default "/") stands before every path. */
typedef struct usher_install {
  uint32_t size;
  uint32_t reserved;
  int32_t (*plan)(const usher_settings* settings, const usher_install_sink* sink,
                  usher_error* error); /* what install would do; changes nothing */
  int32_t (*install)(const usher_settings* settings, const usher_install_sink* sink,
                     usher_error* error);
  /* USHER_OK where everything is as install leaves it, else USHER_FAILED and a problem for each. */
  int32_t (*verify)(const usher_settings* settings, const usher_install_sink* sink,
                    usher_error* error);
  int32_t (*uninstall)(const usher_settings* settings, const usher_install_sink* sink,
                       usher_error* error);
} usher_install;

/* ---- host extension usher.loop/1: the agent's loop, so that an adapter needs no thread ---- */

#define USHER_EXT_LOOP "usher.loop/1"

#define USHER_READABLE 1u
#define USHER_WRITABLE 2u

typedef struct usher_callback {
  void (*call)(void* context, uint32_t events); /* [main]; events: USHER_READABLE… of a watch */
  void* context;
} usher_callback;

/* `host` is usher_host.context. Handles are never 0 and never reused. All [any]. USHER_BUSY where
 * 4096 watches, timers and posts of this adapter are open; a handle is set before its first
 * callback. */
typedef struct usher_loop {
  uint32_t size;
  uint32_t reserved;
  /* Calls back as long as the fd is ready (level; an error or a hang-up is readable), until
   * cancelled. The fd stays the adapter's and may be closed after the cancel; a file or a directory
   * cannot be watched. */
  int32_t (*watch)(void* host, int32_t fd, uint32_t events, usher_callback callback,
                   uint64_t* handle, usher_error* error);
  /* Calls back once, after delay nanoseconds. */
  int32_t (*timer)(void* host, uint64_t delay_ns, usher_callback callback, uint64_t* handle,
                   usher_error* error);
  /* Calls back once, soon, never from within post. */
  int32_t (*post)(void* host, usher_callback callback, usher_error* error);
  /* Called on the loop: no callback of this handle comes after it returns. Called elsewhere: one
   * that runs already may end after. A handle that is over is ignored. */
  void (*cancel)(void* host, uint64_t handle);
} usher_loop;

/* ---- host extension usher.guests/1: containers that another kernel runs; since 1.2 ---- */

#define USHER_EXT_GUESTS "usher.guests/1"

/* What a guest's kernel can carry out. None: nothing is enforced in the guest. */
#define USHER_GUEST_ENFORCES_EXEC 1u
#define USHER_GUEST_ENFORCES_FILES 2u   /* read, write */
#define USHER_GUEST_ENFORCES_SOCKETS 4u /* connect, bind */
#define USHER_GUEST_ENFORCES_FROM 8u    /* `from` of exec */
#define USHER_GUEST_ENFORCES_SOCKET_FROM 16u

/* sandbox_id is the relay's own knowledge, by the transport; container_id is the guest's word. */
typedef struct usher_guest_claim {
  uint32_t size;
  uint32_t enforces; /* USHER_GUEST_ENFORCES_ */
  usher_string sandbox_id;
  usher_string container_id;
  usher_string backend; /* of the guest: lsm, tracepoint, none */
} usher_guest_claim;

typedef struct usher_guest_policy {
  uint32_t size;
  uint32_t reserved;
  usher_string name;
  usher_string text; /* TOML, as it is in force here */
} usher_guest_policy;

/* All policies that a sandbox's containers, as far as they were claimed, run under. */
typedef struct usher_guest_policies {
  uint32_t size;
  uint32_t reserved;
  uint64_t generation; /* grows with each change; not 0 */
  const usher_guest_policy* const* items;
  uint64_t count;
} usher_guest_policies;

/* Borrowed for the call. Where status is USHER_OK all are there; else error says why, and with
 * EAGAIN the container is not known (yet): ask again, within the runtime's patience. */
typedef struct usher_guest_granted {
  void (*call)(void* context, uint64_t ticket, int32_t status, const usher_identity* identity,
               usher_string runtime, const usher_guest_policies* policies,
               const usher_error* error); /* [main] */
  void* context;
  uint64_t ticket;
} usher_guest_granted;

typedef struct usher_guest_session {
  uint32_t size;
  uint32_t enforces;
  usher_string sandbox_id;
  usher_string backend;
  usher_string kernel;
  usher_string version;
  usher_string trouble; /* the guest's word, or empty */
  uint64_t applied;     /* the generation that the guest last said is in force, 0: none */
  usher_string problem; /* why a later one is not, or empty */
  uint32_t away;        /* not 0: no connection now; it may be taken up again */
  uint32_t reserved;
} usher_guest_session;

#define USHER_GUEST_RUNNING 1u
#define USHER_GUEST_ENDED 2u

/* `host` is usher_host.context. All [main]. */
typedef struct usher_guests {
  uint32_t size;
  uint32_t reserved;
  /* May the container run? Only one that an adapter has told with USHER_IDENTITY_GUEST in that
   * sandbox, that is being created, and once; or the sandbox's own, whose id is the sandbox's.
   * Answered during the call or later, within the gate's deadline. */
  int32_t (*claim)(void* host, const usher_guest_claim* claim, usher_guest_granted answer,
                   usher_error* error);
  /* The guest's word that a container runs (USHER_GUEST_RUNNING) or has ended. A hint. */
  void (*report)(void* host, usher_string sandbox_id, usher_string container_id, uint32_t stage);
  /* How the guest's agent is; NULL session: the sandbox has none any more. For status. */
  void (*session)(void* host, usher_string sandbox_id, const usher_guest_session* session);
  /* An event of the guest's agent, a usher.v1.Event, at most 60 KiB. Shown as the guest's word,
   * with the names that the host knows the container by. */
  void (*told)(void* host, usher_string sandbox_id, usher_string event);
  /* Something that an operator must know of: an event with the sandbox's identity. level as log. */
  void (*warn)(void* host, uint32_t level, usher_string sandbox_id, usher_string container_id,
               usher_string type, usher_string message);
} usher_guests;

/* ---- adapter extension usher.guest-relay/1: who brings guests their policies; since 1.2 ---- */

#define USHER_EXT_GUEST_RELAY "usher.guest-relay/1"

typedef struct usher_guest_relay {
  uint32_t size;
  uint32_t reserved;
  /* [main] A container with USHER_IDENTITY_GUEST, as its runtime tells it: kind is one of
   * CONTAINER_STARTING, CONTAINER_RUNNING, CONTAINER_GONE, SANDBOX_STARTING, SANDBOX_GONE. Those
   * that are known already are told after start. Borrowed. */
  void (*container)(void* instance, uint32_t kind, const usher_identity* identity);
  /* [main] The policies of that sandbox have changed. Borrowed. */
  void (*policies)(void* instance, usher_string sandbox_id, const usher_guest_policies* policies);
} usher_guest_relay;

#ifdef __cplusplus
}
#endif

#endif /* USHER_PLUGIN_H */
