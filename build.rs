//! How the program is linked.

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script its target in no other way")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        // 28,000 addresses are put right at each start. Packed, they are a twentieth of the pages that are read for it.
        // An older linker says that it does not know the option, and goes on.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
