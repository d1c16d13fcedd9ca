//! The contract as generated code: one world an interface, so that a component exports those it names and no others. The
//! linker's component step merges the worlds of one plugin.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

pub mod types {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world types { import weir:plugin/types@0.1.1; }",
        world: "weir:sdk/types",
        generate_all,
    });
    pub use weir::plugin::types::*;
}

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world lifecycle { import weir:plugin/host@0.1.1; export weir:plugin/lifecycle@0.1.1; }",
        world: "weir:sdk/lifecycle",
        with: { "weir:plugin/types@0.1.1": crate::bindings::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
    });
}

pub mod series {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world series { export weir:plugin/series@0.1.1; }",
        world: "weir:sdk/series",
        with: { "weir:plugin/types@0.1.1": crate::bindings::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_series",
    });
}

pub mod samples {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world samples { export weir:plugin/samples@0.1.1; }",
        world: "weir:sdk/samples",
        with: { "weir:plugin/types@0.1.1": crate::bindings::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_samples",
    });
}

pub mod logs {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world logs { export weir:plugin/logs@0.1.1; }",
        world: "weir:sdk/logs",
        with: { "weir:plugin/types@0.1.1": crate::bindings::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_logs",
    });
}

pub mod emit {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world emit { import weir:plugin/emit@0.1.1; }",
        world: "weir:sdk/emit",
        with: { "weir:plugin/types@0.1.1": crate::bindings::types },
        generate_all,
    });
}

pub mod state {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world state { import weir:plugin/state@0.1.1; }",
        world: "weir:sdk/state",
        generate_all,
    });
}

pub mod tick {
    wit_bindgen::generate!({
        path: "../../wit/v0.1.1",
        inline: "package weir:sdk; world tick { export weir:plugin/tick@0.1.1; }",
        world: "weir:sdk/tick",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_tick",
    });
}
