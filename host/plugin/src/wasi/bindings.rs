//! What wasmtime generates of WASI for the grants: nothing else may live here, and nothing of it leaves the parent module.

wasmtime::component::bindgen!({
    path: "wasi",
    world: "weir:grants/grants",
    with: {
        "wasi:io/error.error": super::IoError,
        "wasi:io/poll.pollable": super::Pollable,
        "wasi:io/streams.input-stream": super::InputStream,
        "wasi:io/streams.output-stream": super::OutputStream,
        "wasi:filesystem/types.descriptor": super::filesystem::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": super::filesystem::DirectoryStream,
    },
});
