//! Secrets in files: `client_secret_file` names the file that holds `client_secret`.

use std::path::Path;

use super::json_schema::FILE_SUFFIX;
use super::tree::Tree;
use super::value_error::ValueError;
use crate::files;

/// Reads the file of every secret that has one; a secret is set in one way only.
pub(super) fn read(tree: &mut Tree) {
    for (path, key) in tree.keys().into_iter().filter(|(_, key)| key.secret) {
        let path = &path;
        let file_key = format!("{path}{FILE_SUFFIX}");
        if !tree.is_set(&file_key) {
            continue;
        }
        if tree.is_set(path) {
            let name = path.rsplit('.').next().unwrap_or(path);
            let wrong = ValueError::new(
                format!("`{path}` and `{file_key}` are both set"),
                format!("keep one; {name}{FILE_SUFFIX} is safer"),
            );
            tree.fail(&file_key, wrong);
        } else if let Some(file) = tree.get::<String>(&file_key)
            && let Err(wrong) =
                read_one(Path::new(&file)).and_then(|secret| tree.set_secret(path, key, &secret))
        {
            tree.fail(&file_key, wrong);
        }
    }
}

/// The content of a file without its final line break.
fn read_one(file: &Path) -> Result<String, ValueError> {
    let name = file.display();
    let text = files::check_private(file).and_then(|()| files::read_text(file));
    let mut text = text.map_err(|error| ValueError::from(&error))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.len() > LONGEST || text.contains('\n') {
        return Err(ValueError::new(
            format!("{name} holds more than one line"),
            "put only the secret into the file",
        ));
    }
    if text.trim().is_empty() {
        return Err(ValueError::new("is empty", "write the secret into the file"));
    }
    Ok(text)
}

const LONGEST: usize = 8192;
