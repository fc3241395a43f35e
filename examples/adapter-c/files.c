/* files.so: a runtime adapter in plain C. Its "runtime" is a directory: ID.json says who container
 * ID is; ID.verdict appears when Usher has decided. docs/plugin-abi.md goes through it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <usher/plugin.h>

typedef struct files {
  const usher_host* host;
  const usher_loop* loop;
  char directory[512];
  int fd;         /* inotify's */
  uint64_t watch; /* the loop's handle */
} files;
static usher_string text(const char* s) { return (usher_string){s, strlen(s)}; }
static int is(usher_string s, const char* name) {
  return s.size == strlen(name) && memcmp(s.data, name, s.size) == 0;
}
static int32_t fail(usher_error* error, int32_t status, const char* why, usher_string more) {
  if (error == NULL || error->capacity == 0) return status;
  snprintf(error->message, error->capacity, "%s%.*s", why, (int)more.size, more.data);
  error->length = strlen(error->message);
  return status;
}

/* {"namespace": "…", "pod": "…", "container": "…", "pid": "…", "label.KEY": "…"} */
static char* string(char* p, usher_string* out) { /* NULL where there is none, or p is NULL */
  size_t size = p != NULL && *p == '"' ? strcspn(++p, "\"\\\n") : 0;
  *out = (usher_string){p, size};
  return p != NULL && p[size] == '"' ? p + size + 1 : NULL;
}
static int parse(char* p, usher_identity* who, usher_pair* labels, int64_t* pid) {
  usher_string key, value;
  if (*p != '{') return 0;
  do {
    p = string(p + 1 + strspn(p + 1, " \n"), &key);
    p = p != NULL && *p == ':' ? string(p + 1 + strspn(p + 1, " "), &value) : NULL;
    if (p == NULL) return 0;
    if (is(key, "namespace")) who->pod_namespace = value;
    else if (is(key, "pod")) who->pod_name = value;
    else if (is(key, "container")) who->container_name = value;
    else if (is(key, "pid")) *pid = strtoll(value.data, NULL, 10);
    else if (key.size < 6 || memcmp(key.data, "label.", 6) || who->pod_label_count == 64) return 0;
    else labels[who->pod_label_count++] = (usher_pair){{key.data + 6, key.size - 6}, value};
    p += strspn(p, " \n");
  } while (*p == ',');
  return *p == '}';
}

static void verdict(void* path, uint64_t ticket, int32_t status, const usher_error* error) {
  FILE* file = fopen(path, "w"); /* whoever starts the container waits for it */
  if (file != NULL && status == USHER_OK) fputs("ok\n", file);
  if (file != NULL && error != NULL) fprintf(file, "%.*s\n", (int)error->length, error->message);
  if (file != NULL) fclose(file);
  free(path);
}
static void publish(files* self, uint32_t kind, const char* name) {
  usher_pair labels[64];
  usher_identity who = {sizeof who, USHER_IDENTITY_LABELS_KNOWN, .pod_labels = labels};
  usher_event event = {sizeof event, kind, text("files"), &who, text(""), 0};
  usher_done done = {0};
  char path[1024], line[2048], content[8192] = "", why[512];
  usher_error error = {sizeof error, 0, why, sizeof why, 0};
  const char* dot = strstr(name, ".json");
  if (dot == NULL || dot[5] != '\0') return;
  snprintf(path, sizeof path, "%s/%s", self->directory, name);
  FILE* file = fopen(path, "r");
  if (file != NULL) content[fread(content, 1, sizeof content - 1, file)] = '\0', fclose(file);
  int known = kind == USHER_EVENT_CONTAINER_GONE || parse(content, &who, labels, &event.pid);
  who.container_id = (usher_string){name, (uint64_t)(dot - name)};
  who.identity_source = who.labels_source = text(path);
  if (kind == USHER_EVENT_CONTAINER_STARTING) {
    done.call = verdict; /* the gate: answered by the agent, or below where it takes nothing */
    done.context = malloc(sizeof path);
    sprintf(done.context, "%s/%.*s.verdict", self->directory, (int)(dot - name), name);
  }
  int32_t status = known ? self->host->publish(self->host->context, &event, done, &error)
                         : fail(&error, USHER_INVALID, "it says nobody's name", text(""));
  if (status == USHER_OK) return;
  if (done.call != NULL) done.call(done.context, 0, status, &error);
  snprintf(line, sizeof line, "%s is not taken: %.*s", path, (int)error.length, why);
  self->host->log(self->host->context, USHER_LOG_ERROR, text(line));
}
static void list(files* self) { /* what is not named between the two is swept */
  usher_event event = {.size = sizeof event, .kind = USHER_EVENT_LISTING, .runtime = text("files")};
  self->host->publish(self->host->context, &event, (usher_done){0}, NULL);
  DIR* directory = opendir(self->directory);
  for (struct dirent* entry; directory != NULL && (entry = readdir(directory)) != NULL;)
    publish(self, USHER_EVENT_CONTAINER_RUNNING, entry->d_name);
  if (directory != NULL) closedir(directory);
  event.kind = USHER_EVENT_SYNCED;
  self->host->publish(self->host->context, &event, (usher_done){0}, NULL);
}
static void changed(void* context, uint32_t events) { /* on the agent's loop */
  _Alignas(struct inotify_event) char buffer[8192];
  ssize_t size = read(((files*)context)->fd, buffer, sizeof buffer);
  for (ssize_t at = 0; at < size;) {
    const struct inotify_event* change = (const void*)(buffer + at);
    at += (ssize_t)(sizeof *change + change->len);
    if (change->mask & IN_Q_OVERFLOW) list(context);
    else if (change->mask & IN_DELETE) publish(context, USHER_EVENT_CONTAINER_GONE, change->name);
    else publish(context, USHER_EVENT_CONTAINER_STARTING, change->name);
  }
}

static int32_t probe(const usher_settings* settings, usher_error* error) {
  if (settings->count == 1 && is(settings->items[0]->key, "directory")) return USHER_OK;
  return fail(error, USHER_ABSENT, "not set: ", text("directory"));
}
static int32_t create(const usher_host* host, const usher_settings* settings, void** out,
                      usher_error* error) {
  for (uint64_t i = 0; i < settings->count; ++i)
    if (!is(settings->items[i]->key, "directory"))
      return fail(error, USHER_INVALID, "unknown setting: ", settings->items[i]->key);
  files* self = calloc(1, sizeof *self);
  if (settings->count == 1 && settings->items[0]->string.size < sizeof self->directory)
    memcpy(self->directory, settings->items[0]->string.data, settings->items[0]->string.size);
  self->host = host;
  *out = self;
  return USHER_OK;
}
static int32_t start(void* instance, usher_error* error) {
  files* self = instance;
  void* context = self->host->context;
  self->loop = self->host->extension(context, text(USHER_EXT_LOOP));
  if (self->loop == NULL) return fail(error, USHER_FAILED, "no ", text(USHER_EXT_LOOP));
  self->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_add_watch(self->fd, self->directory, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0) {
    close(self->fd);
    return fail(error, USHER_FAILED, "cannot watch ", text(self->directory));
  }
  list(self);
  return self->loop->watch(context, self->fd, USHER_READABLE, (usher_callback){changed, self},
                           &self->watch, error);
}
static void stop(void* instance, usher_done stopped) {
  files* self = instance;
  self->loop->cancel(self->host->context, self->watch);
  close(self->fd);
  stopped.call(stopped.context, stopped.ticket, USHER_OK, NULL);
}
static const usher_string runtime = {USHER_LITERAL("files")}; /* clang-format off */
const usher_plugin usher_plugin_v1 = {
  sizeof(usher_plugin), USHER_MINOR, {USHER_LITERAL("files")}, {USHER_LITERAL("1.0")}, &runtime, 1,
  probe, create, start, stop, free, NULL /* no extensions */
};
