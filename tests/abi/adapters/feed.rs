// An adapter in Rust, without a crate: written from plugin.h, to show that the ABI is C's and not
// our compiler's. It feeds one sandbox and one container, waits at a gate, and identifies.
#![allow(non_upper_case_globals)]

use std::ffi::c_void;
use std::ptr::{null, null_mut};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    data: *const u8,
    size: u64,
}

#[repr(C)]
pub struct Pair {
    key: Str,
    value: Str,
}

#[repr(C)]
pub struct Error {
    size: u32,
    code: i32,
    message: *mut u8,
    capacity: u64,
    length: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Done {
    call: Option<extern "C" fn(*mut c_void, u64, i32, *const Error)>,
    context: *mut c_void,
    ticket: u64,
}

#[repr(C)]
pub struct Settings {
    size: u32,
    reserved: u32,
    items: *const *const Setting,
    count: u64,
}

#[repr(C)]
pub struct Setting {
    size: u32,
    kind: u32,
    key: Str,
}

#[repr(C)]
pub struct Identity {
    size: u32,
    flags: u32,
    pod_namespace: Str,
    pod_name: Str,
    pod_uid: Str,
    container_name: Str,
    container_id: Str,
    sandbox_id: Str,
    image: Str,
    runtime_handler: Str,
    pod_labels: *const Pair,
    pod_label_count: u64,
    identity_source: Str,
    labels_source: Str,
}

#[repr(C)]
pub struct Event {
    size: u32,
    kind: u32,
    runtime: Str,
    identity: *const Identity,
    cgroup_path: Str,
    pid: i64,
}

#[repr(C)]
pub struct Host {
    size: u32,
    minor: u32,
    context: *mut c_void,
    publish: extern "C" fn(*mut c_void, *const Event, Done, *mut Error) -> i32,
    log: extern "C" fn(*mut c_void, u32, Str),
    set_health: extern "C" fn(*mut c_void, u32, Str),
    extension: extern "C" fn(*mut c_void, Str) -> *const c_void,
}

#[repr(C)]
pub struct OciState {
    size: u32,
    reserved: u32,
    runtime: Str,
    raw: Str,
    id: Str,
}

#[repr(C)]
pub struct Identified {
    call: extern "C" fn(*mut c_void, u64, *const Identity, *const Error),
    context: *mut c_void,
    ticket: u64,
}

#[repr(C)]
pub struct Oci {
    size: u32,
    reserved: u32,
    identify: extern "C" fn(*mut c_void, *const OciState, Identified),
}

#[repr(C)]
pub struct Plugin {
    size: u32,
    minor: u32,
    name: Str,
    version: Str,
    runtimes: *const Str,
    runtime_count: u64,
    probe: extern "C" fn(*const Settings, *mut Error) -> i32,
    create: extern "C" fn(*const Host, *const Settings, *mut *mut c_void, *mut Error) -> i32,
    start: extern "C" fn(*mut c_void, *mut Error) -> i32,
    stop: extern "C" fn(*mut c_void, Done),
    destroy: extern "C" fn(*mut c_void),
    extension: extern "C" fn(Str) -> *const c_void,
}

unsafe impl Sync for Plugin {}
unsafe impl Sync for Runtimes {}
unsafe impl Sync for Oci {}

const fn text(s: &'static str) -> Str {
    Str { data: s.as_ptr(), size: s.len() as u64 }
}

const NOBODY: Done = Done { call: None, context: null_mut(), ticket: 0 };
const OK: i32 = 0;
const INVALID: i32 = 3;

// An adapter of this language has its own memory for an instance, too.
struct Feeder {
    host: *const Host,
}

fn say(host: *const Host, line: &str) {
    let host = unsafe { &*host };
    (host.log)(host.context, 2, Str { data: line.as_ptr(), size: line.len() as u64 });
}

fn identity(id: Str, labels: &[Pair]) -> Identity {
    Identity {
        size: std::mem::size_of::<Identity>() as u32,
        flags: 2,
        pod_namespace: text("shop"),
        pod_name: text("rusty"),
        pod_uid: text(""),
        container_name: text("main"),
        container_id: id,
        sandbox_id: text("s1"),
        image: text(""),
        runtime_handler: text(""),
        pod_labels: labels.as_ptr(),
        pod_label_count: labels.len() as u64,
        identity_source: text("rust"),
        labels_source: text("rust"),
    }
}

fn labels() -> [Pair; 1] {
    [Pair { key: text("app"), value: text("rust") }]
}

fn publish(host: *const Host, kind: u32, who: Option<&Identity>, done: Done) -> i32 {
    let event = Event {
        size: std::mem::size_of::<Event>() as u32,
        kind,
        runtime: text("rust"),
        identity: who.map_or(null(), |w| w as *const Identity),
        cgroup_path: text(""),
        pid: if kind == 3 || kind == 4 { 42 } else { 0 },
    };
    let host = unsafe { &*host };
    (host.publish)(host.context, &event, done, null_mut())
}

extern "C" fn gate_done(context: *mut c_void, _ticket: u64, status: i32, _error: *const Error) {
    say(context as *const Host, &format!("the gate said {}", status));
}

extern "C" fn probe(_settings: *const Settings, _error: *mut Error) -> i32 {
    OK
}

extern "C" fn create(
    host: *const Host,
    settings: *const Settings,
    instance: *mut *mut c_void,
    error: *mut Error,
) -> i32 {
    unsafe {
        if (*settings).count != 0 {
            let key = &(**(*settings).items).key;
            if let Some(error) = error.as_mut() {
                error.length = key.size.min(error.capacity);
                std::ptr::copy_nonoverlapping(key.data, error.message, error.length as usize);
            }
            return INVALID;
        }
        *instance = Box::into_raw(Box::new(Feeder { host })) as *mut c_void;
    }
    OK
}

extern "C" fn start(instance: *mut c_void, _error: *mut Error) -> i32 {
    let host = unsafe { (*(instance as *const Feeder)).host };
    let labels = labels();
    publish(host, 7, None, NOBODY);
    publish(host, 1, Some(&identity(text("s1"), &labels)), NOBODY);
    publish(host, 4, Some(&identity(text("c1"), &labels)), NOBODY);
    publish(host, 6, None, NOBODY);
    let done = Done { call: Some(gate_done), context: host as *mut c_void, ticket: 1 };
    publish(host, 3, Some(&identity(text("c2"), &labels)), done)
}

extern "C" fn stop(_instance: *mut c_void, stopped: Done) {
    if let Some(call) = stopped.call {
        call(stopped.context, stopped.ticket, OK, null());
    }
}

extern "C" fn destroy(instance: *mut c_void) {
    drop(unsafe { Box::from_raw(instance as *mut Feeder) });
}

extern "C" fn identify(_instance: *mut c_void, state: *const OciState, answer: Identified) {
    let labels = labels();
    let who = identity(unsafe { (*state).id }, &labels);
    (answer.call)(answer.context, answer.ticket, &who, null());
}

static OCI: Oci = Oci { size: std::mem::size_of::<Oci>() as u32, reserved: 0, identify };

extern "C" fn extension(id: Str) -> *const c_void {
    let id = unsafe { std::slice::from_raw_parts(id.data, id.size as usize) };
    if id == b"usher.oci/1" {
        &OCI as *const Oci as *const c_void
    } else {
        null()
    }
}

struct Runtimes([Str; 1]);
static RUNTIMES: Runtimes = Runtimes([text("rust")]);

#[no_mangle]
pub static usher_plugin_v1: Plugin = Plugin {
    size: std::mem::size_of::<Plugin>() as u32,
    minor: 0,
    name: text("rusty"),
    version: text("1.0"),
    runtimes: &RUNTIMES.0 as *const Str,
    runtime_count: 1,
    probe,
    create,
    start,
    stop,
    destroy,
    extension,
};
