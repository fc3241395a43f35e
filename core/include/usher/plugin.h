/* The C ABI of Usher's runtime adapters. An adapter is a shared object that exports one data
 * symbol, usher_plugin_v1; the agent loads it, asks it who a container is, and hears from it of
 * containers. docs/plugin-abi.md is the guide, plugin.hpp the C++ class over this header.
 *
 * Rules, of which no member below makes an exception:
 *  - Every struct that can grow starts with `size`, set by whoever fills it to sizeof as it knew
 *    it. Members are only appended. A reader uses the smaller of both sizes and takes what lies
 *    beyond as zero (absent). usher_string, usher_pair and the callback structs never grow.
 *  - Arrays of structs that can grow are arrays of pointers.
 *  - Only the number in the symbol's name refuses a load.
 *  - Strings are (data, size), bytes, not terminated, possibly with any byte in them. data may be
 *    NULL where size is 0. What is passed to a call is borrowed until that call returns, unless its
 *    contract says more; whoever needs it longer copies.
 *  - Errors go to a struct that the caller owns. Calls that can fail return USHER_OK or another
 *    USHER_ status and then have set the error. `error` may be NULL.
 *  - No C++ exception, longjmp or cancellation crosses the ABI.
 *  - Thread tags: [main] is called on the agent's loop, or on the only thread of a program without
 *    one (usherctl), never re-entered from a call of the adapter's own; must not block. [any] may
 *    be called from any thread, also from within a [main] call.
 *  - An answer (usher_done, usher_identified) is given exactly once, by `call(context, ticket, …)`,
 *    [any]. A second answer to the same ticket is ignored and logged.
 */
#ifndef USHER_PLUGIN_H
#define USHER_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Statuses. Others are read as USHER_FAILED. */
#define USHER_OK 0
#define USHER_FAILED 1  /* tried, did not work */
#define USHER_ABSENT 2  /* probe: the runtime is not here; publish: the host is stopping */
#define USHER_INVALID 3 /* a value that was passed is not acceptable */

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

/* Owned by the caller, who sets size, message and capacity and zeroes the rest. */
typedef struct usher_error {
  uint32_t size;
  int32_t code;  /* errno where the failure came from the system, else 0 */
  char* message; /* capacity bytes; the callee writes a sentence: what, where, what to do */
  uint64_t capacity;
  uint64_t length; /* bytes written, <= capacity; a longer message is cut */
} usher_error;

/* The end of something that was asked for. status as above; error may be NULL, and is where status
 * is USHER_OK; it is borrowed for the call. */
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

/* Keys are unique and sorted bytewise. An adapter refuses a key that it does not know. */
typedef struct usher_settings {
  uint32_t size;
  uint32_t reserved;
  const usher_setting* const* items;
  uint64_t count;
} usher_settings;

/* ---- who a container is, and what happens to it ---- */

#define USHER_IDENTITY_SANDBOX 1u      /* the pod's own (pause) container */
#define USHER_IDENTITY_LABELS_KNOWN 2u /* pod_labels are all there are; without it: not known */

/* An empty pod_namespace, pod_name and pod_uid together: a container that is no pod's. Sources are
 * shown to people: the record that the part was read from. */
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
  const usher_pair* pod_labels; /* keys unique, any order */
  uint64_t pod_label_count;
  usher_string identity_source;
  usher_string labels_source;
} usher_identity;

#define USHER_EVENT_SANDBOX_STARTING 1
#define USHER_EVENT_SANDBOX_GONE 2
#define USHER_EVENT_CONTAINER_STARTING 3 /* a gate: the runtime's reply waits for `done` */
#define USHER_EVENT_CONTAINER_RUNNING 4  /* found running */
#define USHER_EVENT_CONTAINER_GONE 5     /* a hint: the kernel says when a container has ended */
#define USHER_EVENT_SYNCED 6             /* all that exists was published; the rest is swept */

typedef struct usher_event {
  uint32_t size;
  uint32_t kind;                  /* USHER_EVENT_ */
  usher_string runtime;           /* one of the names that the adapter serves */
  const usher_identity* identity; /* NULL with USHER_EVENT_SYNCED only */
  usher_string cgroup_path;       /* below the cgroup2 mount, or empty */
  int64_t pid;                    /* on the host, or 0 */
} usher_event;

/* ---- what the host offers ---- */

#define USHER_LOG_DEBUG 1
#define USHER_LOG_INFO 2
#define USHER_LOG_WARNING 3
#define USHER_LOG_ERROR 4

#define USHER_HEALTHY 1
#define USHER_DEGRADED 2  /* works, with what `reason` says missing */
#define USHER_UNHEALTHY 3 /* lost the runtime; nothing that is enrolled is dropped for it */

/* Valid, with its context, from create until destroy returns. All [any]. */
typedef struct usher_host {
  uint32_t size;
  uint32_t reserved;
  void* context; /* first argument of every call */
  /* Copies the event. done.call may be NULL but for USHER_EVENT_CONTAINER_STARTING; it is called
   * [any], also before publish returns, also with USHER_FAILED when the host stops; it is not
   * called when publish does not return USHER_OK. */
  int32_t (*publish)(void* context, const usher_event* event, usher_done done, usher_error* error);
  void (*log)(void* context, uint32_t level, usher_string message);
  void (*set_health)(void* context, uint32_t health, usher_string reason);
  /* The extension's table or NULL; valid as long as the host is. */
  const void* (*extension)(void* context, usher_string id);
} usher_host;

/* ---- what the adapter offers ---- */

typedef struct usher_plugin {
  uint32_t size;
  uint32_t reserved;
  usher_string name;    /* [a-z0-9-]+, as the configuration and `usherctl runtime` use it */
  usher_string version; /* for people */
  /* [main] Is the runtime here? USHER_OK; or USHER_ABSENT with why not. May read files; no side
   * effect. Settings are those that create would get. */
  int32_t (*probe)(const usher_settings* settings, usher_error* error);
  /* [main] Checks the settings, makes an instance in *instance; nothing runs yet. */
  int32_t (*create)(const usher_host* host, const usher_settings* settings, void** instance,
                    usher_error* error);
  /* [main] Once. From its return on the instance may call the host and is asked through its
   * extensions. */
  int32_t (*start)(void* instance, usher_error* error);
  /* [main] Once, only after a start that worked. Answers `stopped` when no call to the host will
   * come any more; first everything that was asked and not answered yet is answered. */
  void (*stop)(void* instance, usher_done stopped);
  /* [main] After `stopped`, or after create where start was not called or failed. */
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
  usher_string runtime; /* as the hook's installer named it */
  usher_string raw;     /* the runtime's JSON, whole; the rest is read from it */
  usher_string id;
  usher_string status;
  usher_string bundle;
  usher_string root;             /* empty where the runtime does not give it */
  int64_t pid;                   /* 0: not given */
  const usher_pair* annotations; /* keys unique, sorted bytewise */
  uint64_t annotation_count;
} usher_oci_state;

/* identity NULL: refused, and error says which key and why. Both borrowed for the call. */
typedef struct usher_identified {
  void (*call)(void* context, uint64_t ticket, const usher_identity* identity,
               const usher_error* error); /* [any] */
  void* context;
  uint64_t ticket;
} usher_identified;

typedef struct usher_oci {
  uint32_t size;
  uint32_t reserved;
  const usher_string* runtimes; /* the names that --runtime may carry */
  uint64_t runtime_count;
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

/* Told [main], during the call only, in the order in which things happen. */
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

/* `host` is usher_host.context. Handles are never 0 and never reused. All [any]. */
typedef struct usher_loop {
  uint32_t size;
  uint32_t reserved;
  /* Calls back as long as the fd is ready (level), until cancelled. The fd stays the adapter's and
   * may be closed after the cancel. */
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

#ifdef __cplusplus
}
#endif

#endif /* USHER_PLUGIN_H */
