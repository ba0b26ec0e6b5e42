//! Places for results, tried before there are any.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::failure::Failure;
use super::output::file::without_name;

/// Whether a result can be written to a file (`-`: standard output); `option` is where it was named.
///
/// # Errors
/// [`Failure::Usage`] if no file can be there, or if it is the model; [`Failure::World`] if this user cannot write it.
pub fn check_file(option: &str, file: &Path, model: &Path) -> Result<(), Failure> {
    if file == Path::new("-") {
        return Ok(());
    }
    let shown = file.display();
    if file.is_dir() {
        return Err(Failure::Usage(format!("`{option} {shown}` is a directory, not a file")));
    }
    if let (Ok(file), Ok(model)) = (file.canonicalize(), model.canonicalize())
        && file == model
    {
        return Err(Failure::Usage(format!("`{option} {shown}` would overwrite the model")));
    }
    let parent = parent(file);
    if !parent.is_dir() {
        return Err(Failure::Usage(format!("`{option} {shown}`: there is no directory `{}`", parent.display())));
    }
    // Devices and pipes are written to as they are; what is a file is replaced by one written beside it.
    if file.is_file() || !file.exists() {
        try_directory(parent)?;
    }
    Ok(())
}

/// Whether files for results are different ones, each given with the option that asks for it.
///
/// # Errors
/// [`Failure::Usage`] if one of them would overwrite another one.
pub fn check_different(files: &[(&str, PathBuf)]) -> Result<(), Failure> {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (option, file) in files.iter().filter(|(_, file)| !is_stream(file)) {
        let place = parent(file).canonicalize().unwrap_or_default().join(file.file_name().unwrap_or_default());
        if let Some((other, _)) = seen.iter().find(|(_, seen)| *seen == place) {
            let shown = file.display();
            return Err(Failure::Usage(format!("`{other}` and `{option}` would both write `{shown}`")));
        }
        seen.push((option, place));
    }
    Ok(())
}

/// Standard output, or a device or pipe, which takes anything.
fn is_stream(file: &Path) -> bool {
    file == Path::new("-") || (file.exists() && !file.is_file())
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a directory for results, if it is not there, and tries to write in it.
///
/// # Errors
/// As of [`check_file`].
pub fn make_directory(option: &str, directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    if directory.exists() && !directory.is_dir() {
        return Err(Failure::Usage(format!("`{option} {shown}` is not a directory")));
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make the directory `{shown}`"))?;
    try_directory(directory)
}

fn try_directory(directory: &Path) -> Result<(), Failure> {
    tempfile::tempfile_in(directory)
        .map_err(without_name)
        .with_context(|| format!("cannot write in `{}`", directory.display()))?;
    Ok(())
}
