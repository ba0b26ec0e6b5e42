//! `saltus cache`: where the store is, what is in it, and everything known about one kernel.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::args::{Cache, CacheCommand};
use super::cache_care as care;
use super::explain;
use super::failure::Failure;
use super::output::format::{bytes, counted, duration};
use super::say;
use super::table::{Align, pairs, table};
use crate::build::{CpuFeatures, Env};
use crate::engine::check_artifact;
use crate::store::{Artifact, Store, StoreOptions, StoreWarning};

/// How many keys an error offers.
const OFFERED: usize = 8;

/// Does what was asked for.
pub fn cache(arguments: &Cache) -> Result<(), Failure> {
    if let CacheCommand::Keygen { file } = &arguments.command {
        return care::keygen(file);
    }
    let path = directory(arguments.cache_dir.as_deref())?;
    let makes_it = matches!(arguments.command, CacheCommand::Path | CacheCommand::Import { .. });
    if arguments.cache_dir.is_some() && arguments.cache_layer.is_empty() && !makes_it && !Store::is_made(&path) {
        return Err(no_store(&path));
    }
    // What is not there is not made for having nothing taken out of it.
    let open = |read_only| open(&path, &arguments.cache_layer, read_only || !makes_it && !Store::is_made(&path));
    match &arguments.command {
        CacheCommand::Path => say::answer(&format!("{}\n", path.display())),
        CacheCommand::List => {
            let store = open(true)?;
            say::answer(&list(&store.show(""), &path))?;
            tell_warnings(&store);
            Ok(())
        }
        CacheCommand::Explain { key, other: None } => {
            let store = open(true)?;
            let artifact = one(&store, key, &path)?;
            say::answer(&format!("{}{}", explain::one(&artifact), care::origin(&store, &artifact)))
        }
        CacheCommand::Explain { key, other: Some(other) } => {
            let store = open(true)?;
            let (key, other) = (one(&store, key, &path)?, one(&store, other, &path)?);
            say::answer(&explain::two(&key, &other))
        }
        CacheCommand::Verify => verify(&open(false)?, &path),
        CacheCommand::Show { key } => {
            let store = open(true)?;
            say::answer(&show(&store, &one(&store, key, &path)?))
        }
        CacheCommand::Stats => care::stats(&open(true)?, &path),
        CacheCommand::Gc { max_size, max_age } => {
            care::gc(&open(false)?, &path, max_size.as_deref(), max_age.as_deref())
        }
        CacheCommand::Clear { yes } => care::clear(&open(false)?, &path, *yes),
        CacheCommand::Export { file, keys, sign } => care::export(&open(true)?, file, keys, sign.as_deref(), &path),
        CacheCommand::Import { file, trust } => care::import(&open(false)?, file, trust, &path),
        CacheCommand::Keygen { .. } => Ok(()),
    }
}

/// The directory of the store that is meant.
fn directory(asked_for: Option<&Path>) -> Result<PathBuf, Failure> {
    let default = || Store::default_directory(&Env::of_process());
    asked_for.map(Path::to_path_buf).or_else(default).ok_or_else(|| {
        anyhow!("there is no directory for the store: neither `SALTUS_CACHE_DIR` nor `HOME` is set").into()
    })
}

/// A directory that was named, and in which no store is.
fn no_store(path: &Path) -> Failure {
    let shown = path.display();
    let what = if path.exists() { "there is no kernel store in" } else { "there is no directory" };
    let default = Store::default_directory(&Env::of_process()).map(|default| default.display().to_string());
    let hint = default.map_or(String::new(), |default| format!("; without that, the store is `{default}`"));
    anyhow!("{what} `{shown}`, which `--cache-dir` names{hint}").into()
}

/// Opens the store, for looking only if it is `read_only`.
fn open(path: &Path, layers: &[PathBuf], read_only: bool) -> Result<Store, Failure> {
    let (options, mut wrong) = StoreOptions::from_env(&Env::of_process());
    if let Some(setting) = wrong.pop() {
        let StoreWarning::Setting { name, cause } = setting else { return Err(anyhow::Error::from(setting).into()) };
        return Err(Failure::Usage(format!("`{name}`: {cause}")));
    }
    let layers = if layers.is_empty() { options.layers.clone() } else { layers.to_vec() };
    let store = Store::open(path, StoreOptions { read_only, layers, ..options });
    match (store.path(), store.take_warnings().pop()) {
        (None, Some(warning)) => Err(anyhow::Error::from(warning).into()),
        _ => Ok(store),
    }
}

/// Says what stands in the way of layers and keys, once everything else is told.
pub fn tell_warnings(store: &Store) {
    for warning in store.take_warnings() {
        say::warning(&warning.to_string());
    }
}

/// How compilers name themselves, in short: `gcc 12.2.0`.
pub fn short_version(line: &str) -> String {
    let Some((before, after)) = line.split_once(" version ") else { return line.to_owned() };
    let name = before.split_whitespace().next_back().unwrap_or(before);
    let number = after.split([' ', '(', ',']).next().unwrap_or(after);
    format!("{name} {number}")
}

/// The portable level of a set of features, with a `+` if there are more.
pub fn level(target: &str, features: &CpuFeatures) -> String {
    if !target.starts_with("x86_64") {
        return features.to_string();
    }
    let level = features.level();
    let more = if *features == CpuFeatures::of_level(level) { "" } else { "+" };
    format!("{}{more}", level.name())
}

fn list(kernels: &[Artifact], path: &Path) -> String {
    if kernels.is_empty() {
        return format!("no kernels in {}\n", path.display());
    }
    let row = |artifact: &Artifact| {
        let record = &artifact.record;
        vec![
            artifact.key.short(),
            artifact.kernel.short(),
            record.recipe.language.name().to_owned(),
            short_version(&record.compiler),
            format!("{:?}", record.recipe.opt_level),
            level(&record.recipe.target, &record.recipe.features),
            bytes(artifact.size() as u64),
            duration(record.compile_seconds),
            artifact.layer.as_ref().map_or(String::new(), |layer| layer.display().to_string()),
        ]
    };
    let mut columns = vec![
        ("key", Align::Left),
        ("kernel", Align::Left),
        ("language", Align::Left),
        ("compiler", Align::Left),
        ("level", Align::Left),
        ("processor", Align::Left),
        ("size", Align::Right),
        ("compiled in", Align::Right),
    ];
    if kernels.iter().any(|kernel| kernel.layer.is_some()) {
        columns.push(("layer", Align::Left));
    }
    let rows: Vec<Vec<String>> = kernels.iter().map(row).map(|row| row[..columns.len()].to_vec()).collect();
    let size: usize = kernels.iter().map(Artifact::size).sum();
    let seconds: f64 = kernels.iter().map(|artifact| artifact.record.compile_seconds).sum();
    format!(
        "{}{}, {}, compiled in {}, in {}\n",
        table(&columns, &rows),
        counted(kernels.len(), ("kernel", "kernels")),
        bytes(size as u64),
        duration(seconds),
        path.display()
    )
}

/// Reads every entry; what is damaged goes into quarantine, and whoever needs it makes it anew.
fn verify(store: &Store, path: &Path) -> Result<(), Failure> {
    let (sound, doubtful): (Vec<Artifact>, Vec<_>) = store.list().into_iter().partition(|a| check_artifact(a).is_ok());
    let mut warnings: Vec<String> = store.take_warnings().iter().map(StoreWarning::to_string).collect();
    for artifact in &doubtful {
        // Whoever needs it refuses it as well.
        let objection = check_artifact(artifact).map_or_else(|objection| objection.to_string(), |()| String::new());
        warnings.push(format!("the stored kernel {} is none: {objection}", artifact.key.short()));
        store.set_aside(&artifact.kernel, &artifact.key);
    }
    let size: usize = sound.iter().map(Artifact::size).sum();
    let kernels = counted(sound.len(), ("kernel is", "kernels are"));
    say::answer(&format!("{kernels} sound, {}, in {}\n", bytes(size as u64), path.display()))?;
    warnings.iter().for_each(|warning| say::warning(warning));
    match warnings.len() {
        0 => Ok(()),
        n => Err(anyhow!("{} not sound", counted(n, ("entry is", "entries are"))).into()),
    }
}

/// The only kernel whose key starts so.
fn one(store: &Store, prefix: &str, path: &Path) -> Result<Artifact, Failure> {
    let mut found = some(store, prefix, path)?;
    match (found.pop(), found.is_empty()) {
        (Some(artifact), true) => Ok(artifact),
        (last, _) => {
            found.extend(last);
            let message = format!("{} keys start with `{prefix}`: {}", found.len(), offered(&found));
            Err(Failure::Usage(message))
        }
    }
}

/// The kernels whose keys start so; there is at least one.
pub fn some(store: &Store, prefix: &str, path: &Path) -> Result<Vec<Artifact>, Failure> {
    let digits = prefix.to_ascii_lowercase();
    let is_key = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let found = if is_key { store.show(&digits) } else { Vec::new() };
    if !found.is_empty() {
        return Ok(found);
    }
    let mut all = store.show("");
    // Those that begin like it come first: most likely, a digit is wrong.
    let alike = |kernel: &Artifact| {
        kernel.key.to_string().bytes().zip(digits.bytes()).take_while(|(digit, wanted)| digit == wanted).count()
    };
    all.sort_by_key(|kernel| (std::cmp::Reverse(alike(kernel)), kernel.key));
    let which = match all.len() {
        0 => format!("there are no kernels in {}", path.display()),
        n if n <= OFFERED => format!("the keys are {}", offered(&all)),
        _ => format!("there are {}", offered(&all)),
    };
    let what = match is_key {
        true => format!("no key starts with `{prefix}`"),
        false if prefix.is_empty() => "a key is missing, or its first digits".to_owned(),
        false => format!("`{prefix}` is no beginning of a key, which has the digits 0 to 9 and a to f"),
    };
    Err(Failure::Usage(format!("{what}; {which}")))
}

/// Some keys, in short.
fn offered(kernels: &[Artifact]) -> String {
    let keys = kernels.iter().take(OFFERED).map(|artifact| format!("`{}`", artifact.key.short()));
    let more = if kernels.len() > OFFERED { ", …" } else { "" };
    keys.collect::<Vec<_>>().join(", ") + more
}

fn show(store: &Store, artifact: &Artifact) -> String {
    let record = &artifact.record;
    let recipe = &record.recipe;
    let rows = [
        ("key", artifact.key.to_string()),
        ("kernel", artifact.kernel.to_string()),
        ("language", recipe.language.name().to_owned()),
        ("written", if recipe.by_hand { "by hand" } else { "by this program" }.to_owned()),
        ("kernel ABI", recipe.abi_version.to_string()),
        ("numeric policy", recipe.numeric_policy.to_string()),
        ("compiler", record.compiler.clone()),
        ("compiler digest", recipe.compiler.to_string()),
        ("level", format!("{:?}", recipe.opt_level)),
        ("arguments", recipe.arguments.join(" ")),
        ("target", recipe.target.clone()),
        ("processor", level(&recipe.target, &recipe.features)),
        ("features", recipe.features.to_string()),
        ("compiled in", duration(record.compile_seconds)),
        ("library", bytes(artifact.library().len() as u64)),
        ("entry", bytes(artifact.size() as u64)),
        ("signed by", care::signer(store, artifact)),
        ("layer", artifact.layer.as_ref().map_or("none: your own".to_owned(), |layer| layer.display().to_string())),
        ("source", counted(recipe.source.lines().count(), ("line", "lines"))),
    ];
    format!("{}\n{}", pairs(&rows), recipe.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::CpuLevel;

    #[test]
    fn compilers_have_short_names() {
        for (line, short) in [
            ("gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) ", "gcc 12.2.0"),
            ("Debian clang version 14.0.6", "clang 14.0.6"),
            ("tcc version 0.9.27 (x86_64 Linux)", "tcc 0.9.27"),
            ("something else", "something else"),
        ] {
            assert_eq!(short_version(line), short);
        }
    }

    #[test]
    fn levels_tell_of_more() {
        let mut features: Vec<String> = CpuFeatures::of_level(CpuLevel::V3).iter().map(str::to_owned).collect();
        let of = |features: &[String]| level("x86_64-linux-gnu", &features.iter().map(String::as_str).collect());
        assert_eq!(of(&features), "x86-64-v3");
        features.push("avx512f".to_owned());
        assert_eq!(of(&features), "x86-64-v3+");
        assert_eq!(level("aarch64-linux-gnu", &CpuFeatures::baseline()), "baseline");
    }
}
