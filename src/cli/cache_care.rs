//! `saltus cache stats`, `gc`, `clear`, `export`, `import` and `keygen`: looking after a store, and after what goes to
//! other machines and comes from them.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::cache::{level, short_version, some, tell_warnings};
use super::failure::Failure;
use super::output::format::{bytes, counted};
use super::say;
use super::table::{Align, pairs, table};
use crate::build::Machine;
use crate::engine::check_artifact;
use crate::store::archive::{self, ImportReport, ImportRules, Imported};
use crate::store::{Artifact, Damage, Limits, PublicKey, SecretKey, Store, Trust, Use, public_path};

const DAY: u64 = 24 * 60 * 60;

/// Who has signed an entry, in words.
pub fn signer(store: &Store, artifact: &Artifact) -> String {
    match artifact.verify_signature() {
        Ok(None) => "nobody".to_owned(),
        Ok(Some(key)) if store.trusted_keys().contains(&key) => format!("{key}, which is trusted"),
        Ok(Some(key)) => format!("{key}, which is not among the trusted keys"),
        Err(Damage::Signature) => "nobody: the signature is wrong".to_owned(),
        Err(damage) => damage.to_string(),
    }
}

/// What a key does not say of an entry: where it is, and who has signed it.
pub fn origin(store: &Store, artifact: &Artifact) -> String {
    let place = artifact.layer.as_ref().map_or("your own store".to_owned(), |layer| layer.display().to_string());
    format!("This one is in {place}, signed by {}.\n", signer(store, artifact))
}

/// Why the kernels of a layer are used, in words.
pub fn trust(trust: Trust) -> String {
    match trust {
        Trust::Owner => "you or root own it, and nobody else can write to it".to_owned(),
        Trust::Signatures(reason) => format!("only what is signed by a trusted key is used: {reason}"),
    }
}

/// Limits in words.
pub fn limits(limits: &Limits) -> String {
    let size = limits.max_bytes.map_or("any size".to_owned(), |size| format!("at most {}", bytes(size)));
    let age = limits.max_age.map_or("kept for ever".to_owned(), |age| match age.as_secs() {
        seconds if seconds % DAY == 0 => {
            format!("kept for {} without use", counted((seconds / DAY) as usize, ("day", "days")))
        }
        seconds => format!("kept for {seconds} s without use"),
    });
    format!("{size}, {age}")
}

/// How many kernels of which kind there are.
pub fn stats(store: &Store, path: &Path) -> Result<(), Failure> {
    let (kernels, uses) = (store.list(), store.uses());
    let size: u64 = uses.iter().map(|found| found.size).sum();
    let mut rows = vec![
        ("store", path.display().to_string()),
        ("kernels", format!("{}, {}", counted(uses.len(), ("kernel", "kernels")), bytes(size))),
        ("last used", last_used(&uses)),
        ("limits", limits(store.limits())),
        ("quarantine", counted(store.quarantined(), ("file", "files"))),
    ];
    let layers = store.layers().iter().map(|layer| format!("{}: {}", layer.path().display(), trust(layer.trust())));
    rows.extend(layers.map(|layer| ("layer", layer)));
    let mut kinds: BTreeMap<[String; 4], (usize, u64)> = BTreeMap::new();
    for kernel in &kernels {
        let recipe = &kernel.record.recipe;
        let kind = [
            recipe.language.name().to_owned(),
            short_version(&kernel.record.compiler),
            format!("{:?}", recipe.opt_level),
            level(&recipe.target, &recipe.features),
        ];
        let (count, size) = kinds.entry(kind).or_default();
        *count += 1;
        *size += kernel.size() as u64;
    }
    let mut text = pairs(&rows);
    if !kinds.is_empty() {
        let columns = ["language", "compiler", "level", "processor"].map(|heading| (heading, Align::Left));
        let columns = [&columns[..], &[("kernels", Align::Right), ("size", Align::Right)]].concat();
        let row = |(kind, (count, size)): (&[String; 4], &(usize, u64))| {
            [kind.as_slice(), &[count.to_string(), bytes(*size)]].concat()
        };
        text += &format!("\n{}", table(&columns, &kinds.iter().map(row).collect::<Vec<_>>()));
    }
    say::answer(&text)?;
    tell_warnings(store);
    Ok(())
}

/// How many kernels were used when.
fn last_used(uses: &[Use]) -> String {
    let bounds = [(DAY, "today"), (7 * DAY, "this week"), (30 * DAY, "this month"), (u64::MAX, "before")];
    let mut from = 0;
    let mut parts = Vec::new();
    for (to, when) in bounds {
        let count = uses.iter().filter(|found| (from..to).contains(&found.age_seconds)).count();
        if count > 0 {
            parts.push(format!("{count} {when}"));
        }
        from = to;
    }
    if parts.is_empty() { "never".to_owned() } else { parts.join(", ") }
}

/// Removes what is beyond the limits.
pub fn gc(store: &Store, path: &Path, max_size: Option<&str>, max_age: Option<&str>) -> Result<(), Failure> {
    let wrong = |option: &str, error| Failure::Usage(format!("`{option}`: {error}"));
    let mut limits = *store.limits();
    if let Some(text) = max_size {
        limits.max_bytes = Limits::parse_size(text).map_err(|error| wrong("--max-size", error))?;
    }
    if let Some(text) = max_age {
        limits.max_age = Limits::parse_age(text).map_err(|error| wrong("--max-age", error))?;
    }
    if !Store::is_made(path) {
        return say::answer(&format!("no kernels in {}\n", path.display()));
    }
    let report = store.gc(&limits).map_err(|cause| anyhow!("cannot sweep {}: {cause}", path.display()))?;
    let Some(report) = report else {
        return say::answer(&format!("another process is sweeping {}\n", path.display()));
    };
    let kernels = |count, size| format!("{}, {}", counted(count, ("kernel", "kernels")), bytes(size));
    let mut rows = vec![
        ("removed", kernels(report.evicted, report.evicted_bytes)),
        ("kept", kernels(report.kept, report.kept_bytes)),
        ("limits", self::limits(&limits)),
        ("leftovers", format!("{} removed", counted(report.leftovers, ("file", "files")))),
    ];
    if report.clock_jumped {
        rows.push(("clock", "it has jumped since the last sweep; ages are as before".to_owned()));
    }
    say::answer(&pairs(&rows))
}

/// Removes everything, if that is meant.
pub fn clear(store: &Store, path: &Path, yes: bool) -> Result<(), Failure> {
    if !Store::is_made(path) {
        return say::answer(&format!("no kernels in {}\n", path.display()));
    }
    let what = format!("{} from {}", counted(store.uses().len(), ("kernel", "kernels")), path.display());
    if !yes && !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("this removes {what}: say `--yes`")));
    }
    if !yes && !is_confirmed(&format!("Remove {what}? [y/N] ")) {
        return say::answer("nothing was removed\n");
    }
    store.clear().map_err(|cause| anyhow!("cannot empty {}: {cause}", path.display()))?;
    say::answer(&format!("removed {what}\n"))
}

fn is_confirmed(question: &str) -> bool {
    let mut out = std::io::stderr();
    drop(write!(out, "{question}").and_then(|()| out.flush()));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Writes kernels into an archive.
pub fn export(store: &Store, file: &Path, keys: &[String], sign: Option<&Path>, path: &Path) -> Result<(), Failure> {
    let key = sign.map(SecretKey::read).transpose().map_err(anyhow::Error::from)?;
    let mut kernels = if keys.is_empty() { store.show("") } else { Vec::new() };
    for prefix in keys {
        kernels.extend(some(store, prefix, path)?);
    }
    kernels.sort_by_key(|kernel| kernel.key);
    kernels.dedup_by_key(|kernel| kernel.key);
    if kernels.is_empty() {
        return Err(Failure::Usage(format!("there are no kernels to export in {}", path.display())));
    }
    archive::export(file, &kernels, key.as_ref()).map_err(anyhow::Error::from)?;
    let signed = key.map_or(String::new(), |key| format!(", signed by {}", key.public()));
    let count = counted(kernels.len(), ("kernel", "kernels"));
    say::answer(&format!("{count} in {}{signed}\n", file.display()))?;
    tell_warnings(store);
    Ok(())
}

/// Takes the kernels of an archive.
pub fn import(store: &Store, file: &Path, trust: &[PathBuf], path: &Path) -> Result<(), Failure> {
    let mut keys = Vec::new();
    for file in trust {
        keys.extend(PublicKey::read_trusted(file).map_err(anyhow::Error::from)?);
    }
    let trusted = (!trust.is_empty()).then_some(keys.as_slice());
    let objection = |artifact: &Artifact| check_artifact(artifact).err().map(|objection| objection.to_string());
    let rules = ImportRules { trusted, machine: Machine::this(), objection: &objection };
    let report = archive::import(store, file, &rules).map_err(anyhow::Error::from)?;
    let ImportReport { imported, refused } = &report;
    let new = imported.iter().filter(|kernel| kernel.is_new).count();
    let foreign = imported.iter().filter(|kernel| !kernel.runs_here).count();
    let mut text = format!("{} imported into {}", counted(new, ("kernel", "kernels")), path.display());
    if imported.len() > new {
        text += &format!("; {} there already", imported.len() - new);
    }
    if foreign > 0 {
        text += &format!("; {foreign} for processors that this machine lacks");
    }
    let vouched = |kernel: &&Imported| {
        kernel.signer.is_some_and(|signer| keys.contains(&signer) || store.trusted_keys().contains(&signer))
    };
    let unsigned = imported.iter().filter(|kernel| kernel.signer.is_none()).count();
    let doubtful = imported.len() - imported.iter().filter(vouched).count();
    if unsigned > 0 {
        text += &format!("; {unsigned} unsigned");
    }
    say::answer(&(text + "\n"))?;
    if doubtful > 0 {
        let kernels = counted(doubtful, ("kernel is", "kernels are"));
        say::warning(&format!(
            "{kernels} not signed by a key that you trust: to run them is to run code of whoever made the archive \
             (`--trust FILE` takes only what the key in that file has signed)"
        ));
    }
    for (name, reason) in refused {
        say::warning(&format!("`{}` was refused: {reason}", name.escape_debug()));
    }
    match refused.len() {
        0 => Ok(()),
        n => Err(anyhow!("{} of {} refused", n, counted(n + imported.len(), ("file was", "files were"))).into()),
    }
}

/// Makes a pair of keys.
pub fn keygen(file: &Path) -> Result<(), Failure> {
    let key = SecretKey::generate(file).map_err(anyhow::Error::from)?;
    let rows = [
        ("secret key", file.display().to_string()),
        ("public key", public_path(file).display().to_string()),
        ("which is", key.public().to_string()),
    ];
    say::answer(&pairs(&rows))
}
