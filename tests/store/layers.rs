//! Layers below the personal store, whose they may be, and signatures.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use saltus::build::{CpuFeatures, CpuLevel, Recipe};
use saltus::store::{
    Artifact, Damage, PublicKey, Refusal, SecretKey, Store, StoreOptions, StoreWarning, Trust, public_path,
};
use tempfile::TempDir;

use super::stub::{assert_quiet, files, get, keep, machine, open, recipe, with};

/// A user who is neither root nor whoever runs the tests.
const SOMEBODY: u32 = 65534;

fn above(directory: &TempDir, layers: &[&Path]) -> Store {
    let layers = layers.iter().map(|path| path.to_path_buf()).collect();
    Store::open(directory.path(), StoreOptions { layers, ..StoreOptions::default() })
}

/// A layer with a kernel.
fn site(recipes: &[&Recipe]) -> TempDir {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    for recipe in recipes {
        keep(&store, recipe, b"of the site");
    }
    directory
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn layers_are_asked_after_the_personal_store_and_never_written() {
    let (first, second) = (recipe("in the first layer"), recipe("in both layers"));
    let (one, two) = (site(&[&first, &second]), site(&[&second]));
    let directory = TempDir::new().unwrap();
    let store = above(&directory, &[one.path(), two.path()]);
    let before = (files(one.path()), files(two.path()));
    for recipe in [&first, &second] {
        let found = get(&store, recipe).unwrap();
        assert_eq!((found.library(), found.layer.as_deref()), (&b"of the site"[..], Some(one.path())));
    }
    assert!(files(directory.path()).is_empty(), "a hit is not copied");
    // A kernel of one's own comes first.
    keep(&store, &second, b"of one's own");
    let found = get(&store, &second).unwrap();
    assert_eq!((found.library(), &found.layer), (&b"of one's own"[..], &None));
    assert_eq!(store.list().len(), 1);
    assert_eq!(store.show("").len(), 2);
    assert_quiet(&store);
    // The exact one comes before another one that is nearer.
    let exact = with(|r| r.features = CpuFeatures::of_level(CpuLevel::V2));
    let site_of_exact = site(&[&exact]);
    let store = above(&directory, &[site_of_exact.path()]);
    keep(&store, &recipe("kernel"), b"of one's own");
    assert_eq!(get(&store, &exact).unwrap().library(), b"of the site");
    assert_eq!(store.get(&exact.kernel_id(), None, &machine()).unwrap().library(), b"of one's own");
    assert_eq!(before, (files(one.path()), files(two.path())));
    // Without a personal store, layers are left.
    let options = StoreOptions { layers: vec![one.path().to_path_buf()], ..StoreOptions::default() };
    assert!(get(&Store::without_directory(options), &first).is_some());
}

#[test]
fn what_is_damaged_in_a_layer_is_a_miss_and_stays() {
    let recipe = recipe("kernel");
    let (layer, directory) = (site(&[&recipe]), TempDir::new().unwrap());
    let path = layer.path().join(&files(layer.path())[0]);
    fs::write(&path, "damaged").unwrap();
    let store = above(&directory, &[layer.path()]);
    assert_eq!(get(&store, &recipe), None);
    let warnings = store.take_warnings();
    assert!(matches!(&warnings[..], [StoreWarning::Damaged { path: shown, .. }] if *shown == path), "{warnings:?}");
    assert_eq!((fs::read(&path).unwrap(), files(layer.path()).len()), (b"damaged".to_vec(), 1));
    keep(&store, &recipe, b"of one's own");
    assert_eq!(get(&store, &recipe).unwrap().library(), b"of one's own");
}

#[test]
fn layers_that_others_control_are_refused() {
    /// Changes a layer that is in the directory `site/layer` of another one.
    type Change = fn(&Path);
    let is_root = rustix::process::geteuid().is_root();
    let cases: [(&str, Change, Option<Refusal>); 9] = [
        ("nothing", |_| {}, None),
        ("its group can write", |at| set_mode(&at.join("site/layer"), 0o770), Some(Refusal::WritableByOthers)),
        ("all can write", |at| set_mode(&at.join("site/layer"), 0o757), Some(Refusal::WritableByOthers)),
        ("all can write below", |at| set_mode(&at.join("site/layer/v1"), 0o707), Some(Refusal::WritableByOthers)),
        ("the group can write above", |at| set_mode(&at.join("site"), 0o770), Some(Refusal::WritableAbove)),
        ("all can write above", |at| set_mode(&at.join("site"), 0o707), Some(Refusal::WritableAbove)),
        ("all can write above, but not exchange it", |at| set_mode(&at.join("site"), 0o1777), None),
        (
            "a link that this user made",
            |at| {
                fs::rename(at.join("site"), at.join("elsewhere")).unwrap();
                symlink("elsewhere", at.join("site")).unwrap();
            },
            None,
        ),
        (
            "a link to it",
            |at| {
                fs::rename(at.join("site/layer"), at.join("layer")).unwrap();
                symlink(at.join("layer"), at.join("site/layer")).unwrap();
            },
            None,
        ),
    ];
    let owned: [(&str, Change, Option<Refusal>); 3] = [
        ("somebody's", |at| chown(at.join("site/layer"), Some(SOMEBODY), None).unwrap(), Some(Refusal::OtherOwner)),
        (
            "below somebody's",
            |at| chown(at.join("site"), Some(SOMEBODY), None).unwrap(),
            Some(Refusal::OtherOwnerAbove),
        ),
        (
            "behind somebody's link",
            |at| {
                fs::rename(at.join("site"), at.join("elsewhere")).unwrap();
                symlink("elsewhere", at.join("site")).unwrap();
                std::os::unix::fs::lchown(at.join("site"), Some(SOMEBODY), None).unwrap();
            },
            Some(Refusal::OtherOwnerAbove),
        ),
    ];
    for (what, change, expected) in cases.into_iter().chain(owned.into_iter().filter(|_| is_root)) {
        let (at, directory, recipe) = (TempDir::new().unwrap(), TempDir::new().unwrap(), recipe("kernel"));
        let path = at.path().join("site/layer");
        keep(&Store::open(&path, StoreOptions::default()), &recipe, b"library");
        change(at.path());
        let store = above(&directory, &[&path]);
        assert_eq!(get(&store, &recipe).is_some(), expected.is_none(), "{what}");
        match (store.take_warnings().as_slice(), expected) {
            ([], None) => assert_eq!(store.layers()[0].trust(), Trust::Owner),
            ([StoreWarning::Unsafe { reason, .. }], Some(expected)) => assert_eq!(*reason, expected, "{what}"),
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
    let directory = TempDir::new().unwrap();
    let store = above(&directory, &[&directory.path().join("nowhere")]);
    assert!(store.layers().is_empty());
    assert!(matches!(store.take_warnings()[..], [StoreWarning::Unusable { .. }]));
}

#[test]
fn what_is_above_a_personal_store_is_checked_as_well() {
    type Change = fn(&Path);
    let is_root = rustix::process::geteuid().is_root();
    let cases: [(&str, Change, Option<Refusal>); 6] = [
        ("nothing", |_| {}, None),
        ("all can write above", |at| set_mode(&at.join("home"), 0o757), Some(Refusal::WritableAbove)),
        ("all can write above, but not exchange it", |at| set_mode(&at.join("home"), 0o1777), None),
        ("the user's group can write above", |at| set_mode(&at.join("home"), 0o775), None),
        (
            "all can write above, but not get there",
            |at| {
                set_mode(&at.join("home"), 0o777);
                set_mode(at, 0o700);
            },
            None,
        ),
        (
            "a link that this user made",
            |at| {
                fs::rename(at.join("home"), at.join("elsewhere")).unwrap();
                symlink("elsewhere", at.join("home")).unwrap();
            },
            None,
        ),
    ];
    let owned: [(&str, Change, Option<Refusal>); 2] = [
        (
            "below somebody's",
            |at| chown(at.join("home"), Some(SOMEBODY), None).unwrap(),
            Some(Refusal::OtherOwnerAbove),
        ),
        (
            "another group can write above",
            |at| {
                chown(at.join("home"), None, Some(SOMEBODY)).unwrap();
                set_mode(&at.join("home"), 0o770);
            },
            Some(Refusal::WritableAbove),
        ),
    ];
    for (what, change, expected) in cases.into_iter().chain(owned.into_iter().filter(|_| is_root)) {
        let at = TempDir::new().unwrap();
        set_mode(at.path(), 0o755);
        fs::create_dir(at.path().join("home")).unwrap();
        set_mode(&at.path().join("home"), 0o755);
        change(at.path());
        let store = Store::open(&at.path().join("home/.cache/saltus"), StoreOptions::default());
        assert_eq!(store.path().is_some(), expected.is_none(), "{what}");
        match (store.take_warnings().as_slice(), expected) {
            ([], None) => {}
            ([StoreWarning::Unsafe { reason, .. }], Some(expected)) => assert_eq!(*reason, expected, "{what}"),
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}

/// A new key in a directory of its own, and where it is.
fn new_key() -> (TempDir, PathBuf, SecretKey) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("key");
    let key = SecretKey::generate(&path).unwrap();
    (directory, path, key)
}

/// A layer that all can write to, with this file for a kernel.
fn open_layer(artifact: &Artifact) -> TempDir {
    let layer = site(&[&artifact.record.recipe]);
    fs::write(layer.path().join(&files(layer.path())[0]), artifact.bytes()).unwrap();
    set_mode(layer.path(), 0o777);
    layer
}

#[test]
fn a_layer_of_anybody_is_used_as_far_as_it_is_signed() {
    let recipe = recipe("kernel");
    let plain = keep(&Store::none(), &recipe, b"library");
    let (_place, path, key) = new_key();
    let (_other_place, _, other) = new_key();
    let signed = plain.signed_by(&key);
    assert_eq!((signed.signer(), signed.verify_signature()), (Some(key.public()), Ok(Some(key.public()))));
    assert_eq!((signed.key, signed.kernel, signed.library()), (plain.key, plain.kernel, plain.library()));
    assert_eq!((plain.signer(), plain.verify_signature()), (None, Ok(None)));
    // An entry is the same file whoever asks for it, and the same key signs it in the same way.
    assert_eq!(signed.bytes(), plain.signed_by(&key).bytes());

    // The signature of another entry, in an entry whose digest is right.
    let borrowed = {
        let other = keep(&Store::none(), &self::recipe("another kernel"), b"library").signed_by(&key);
        let (mut bytes, from) = (signed.bytes().to_vec(), other.bytes());
        let (at, end) = (bytes.len() - 32 - 64, bytes.len() - 32);
        bytes[at..end].copy_from_slice(&from[from.len() - 32 - 64..from.len() - 32]);
        let digest = blake3::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(digest.as_bytes());
        bytes
    };
    let cases = [
        ("signed", signed.bytes().to_vec(), true, None),
        ("not signed", plain.bytes().to_vec(), false, None),
        ("signed by somebody", plain.signed_by(&other).bytes().to_vec(), false, None),
        ("with a borrowed signature", borrowed, false, Some(Damage::Signature)),
    ];
    for (what, bytes, expected, damage) in cases {
        let layer = open_layer(&plain);
        fs::write(layer.path().join(&files(layer.path())[0]), bytes).unwrap();
        let directory = TempDir::new().unwrap();
        let options = StoreOptions {
            layers: vec![layer.path().to_path_buf()],
            trust: vec![public_path(&path)],
            ..StoreOptions::default()
        };
        let store = Store::open(directory.path(), options);
        assert_eq!(store.layers()[0].trust(), Trust::Signatures(Refusal::WritableByOthers));
        for _ in 0..2 {
            assert_eq!(get(&store, &recipe).is_some(), expected, "{what}");
        }
        match (store.take_warnings().as_slice(), expected, damage) {
            ([], true, None) | ([StoreWarning::Unsigned { .. }], false, None) => {}
            ([StoreWarning::Damaged { damage, .. }, ..], false, Some(expected)) => assert_eq!(*damage, expected),
            (other, ..) => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn keys_can_be_trusted_by_the_store_itself() {
    let (plain, (_place, path, key)) = (keep(&Store::none(), &recipe("kernel"), b"library"), new_key());
    let layer = open_layer(&plain.signed_by(&key));
    let directory = TempDir::new().unwrap();
    let trusted = directory.path().join("trusted-keys");
    let found = || {
        let store = above(&directory, &[layer.path()]);
        let found = get(&store, &recipe("kernel")).is_some();
        (found, store.take_warnings().len())
    };
    assert_eq!(found(), (false, 1), "no key, no layer");
    fs::write(&trusted, format!("# of the site\n\n{}", fs::read_to_string(public_path(&path)).unwrap())).unwrap();
    assert_eq!(found(), (true, 0));
    set_mode(&trusted, 0o666);
    assert_eq!(found(), (false, 2), "others could have written it");
    set_mode(&trusted, 0o644);
    fs::write(&trusted, "saltus-public-key 12\n").unwrap();
    assert_eq!(found(), (false, 2), "that is no key");
}

#[test]
fn secret_keys_are_secret() {
    let (_place, path, key) = new_key();
    assert_eq!(super::stub::mode(&path), 0o600);
    assert_eq!(SecretKey::read(&path).unwrap().public(), key.public());
    assert_eq!(PublicKey::read_trusted(&public_path(&path)).unwrap(), [key.public()]);
    assert!(SecretKey::generate(&path).is_err(), "a key is not overwritten");
    set_mode(&path, 0o640);
    assert!(SecretKey::read(&path).unwrap_err().to_string().contains("chmod 600"));
    // The wrong one of the two, and what is neither.
    let message = SecretKey::read(&public_path(&path)).unwrap_err().to_string();
    let hint = format!("holds a public key, and a secret one is needed here: that is in `{}`", path.display());
    assert!(message.contains(&hint), "{message}");
    let message = PublicKey::read_trusted(&path).unwrap_err().to_string();
    let hint =
        format!("holds a secret key, and a public one is needed here: that is in `{}`", public_path(&path).display());
    assert!(message.contains(&hint), "{message}");
    let neither = path.with_file_name("neither");
    fs::write(&neither, "neither").unwrap();
    set_mode(&neither, 0o600);
    assert!(SecretKey::read(&neither).unwrap_err().to_string().ends_with("is no secret key"));
    let (_other_place, _, other) = new_key();
    assert_ne!(key.public(), other.public());
}

#[test]
fn any_change_of_any_byte_of_a_signed_entry_is_a_miss() {
    let (_place, _, key) = new_key();
    let directory = TempDir::new().unwrap();
    let (store, recipe) = (open(&directory), recipe("kernel"));
    let signed = keep(&store, &recipe, b"library").signed_by(&key);
    let path = directory.path().join(&files(directory.path())[0]);
    fs::write(&path, signed.bytes()).unwrap();
    assert_eq!(get(&store, &recipe), Some(signed.clone()));
    for at in 0..signed.size() {
        let mut bytes = signed.bytes().to_vec();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        assert_eq!(get(&store, &recipe), None, "byte {at}");
    }
}
