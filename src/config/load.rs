//! Loads the configuration from its file and the environment.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use super::effective::Effective;
use super::finding::{ConfigErrors, Finding, Level, Warnings};
use super::instance::{Instance, InstanceTables, PublicInstance, SharedSections};
use super::json_schema::Sections;
use super::source::{Location, Places};
use super::tree::{self, Scope, Tree};
use super::value_error::ValueError;
use super::{Brand, Limits, Listen, Log, Session};
use super::{env, instance_trees, rules, secret_files};
use crate::files::{self, FileProblem};
use crate::policy::mask::Mask;
use crate::policy::outbound_proxy::OutboundProxy;

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Campaign instances where people sign in, each with its external account.
    pub instances: Vec<Arc<Instance>>,
    /// The Campaign instances that have only public paths.
    pub public_instances: Vec<Arc<PublicInstance>>,
    /// Where the gateway listens.
    pub listen: Listen,
    /// Limits for clients.
    pub limits: Limits,
    /// How long sessions live and where they are stored.
    pub session: Session,
    /// What is logged and where.
    pub log: Log,
    /// How the pages for people look.
    pub brand: Brand,
}

/// A configuration and what was found in it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked configuration.
    pub config: Config,
    /// Values that are probably wrong.
    pub warnings: Warnings,
    /// Where every key was set.
    pub places: Places,
    /// Where the keys of each instance were set. The keys are without the name of the instance. Instances with `ims` come first, in the
    /// order of `instances`.
    pub instance_places: Vec<Places>,
    /// A digest of the value of every key.
    pub values: Effective,
}

/// The configuration as one instance sees it.
#[derive(Clone, Copy, Debug)]
pub struct InstanceConfig<'c> {
    /// The instance.
    pub instance: &'c Arc<Instance>,
    /// What is logged and where.
    pub log: &'c Log,
}

impl Loaded {
    /// Parses the same text again, and reads again the files that it names.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every error in the configuration.
    pub fn again(
        &self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        from_text(&self.places.file, &self.places.text, environment)
    }

    /// Each instance where people sign in, with the places of its keys.
    pub fn instances(&self) -> impl Iterator<Item = (InstanceConfig<'_>, &Places)> {
        self.config.each_instance().zip(&self.instance_places)
    }

    /// Each instance without `ims`, with the places of its keys.
    pub fn public_instances(&self) -> impl Iterator<Item = (&Arc<PublicInstance>, &Places)> {
        let places = self.instance_places.iter().skip(self.config.instances.len());
        self.config.public_instances.iter().zip(places)
    }
}

impl Config {
    /// The configuration of each instance where people sign in.
    pub fn each_instance(&self) -> impl Iterator<Item = InstanceConfig<'_>> {
        self.instances.iter().map(|instance| InstanceConfig { instance, log: &self.log })
    }

    /// Reads the file at `path`. Variables in `environment` override its keys.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every error in the configuration.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Warnings), ConfigErrors> {
        read(path, environment).map(|loaded| (loaded.config, loaded.warnings))
    }
}

/// Like [`Config::load`], with warnings and the place of every key.
///
/// # Errors
/// [`ConfigErrors`] with every error in the configuration.
pub fn read(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigErrors> {
    let file = path.display().to_string();
    let mut loaded = from_text(&file, &read_text(path)?, environment)?;
    if let Err(error) = files::check_private(path)
        && let Some(key) = loaded.places.secret_in_file()
    {
        let location = loaded.places.location(&key);
        loaded.warnings.0.push(Finding {
            level: Level::Warning,
            message: format!("is in {file}: {}", error.reason()),
            fix: error.fix(),
            key,
            location,
            shown: None,
        });
    }
    warn_of_open_logs(&mut loaded);
    Ok(loaded)
}

/// Adds a warning for each log file that exists and that other users can read or change. A new one is created with mode 640.
fn warn_of_open_logs(loaded: &mut Loaded) {
    let log = &loaded.config.log;
    for (key, path) in [("log.audit_file", &log.audit_file), ("log.access_file", &log.access_file)] {
        if let Some(path) = path
            && let Some(mode) = files::open_log(path)
        {
            loaded.warnings.0.push(Finding {
                level: Level::Warning,
                message: format!(
                    "other users of this machine have access to {} (mode {mode:o})",
                    path.display()
                ),
                fix: format!("chmod 640 {}", path.display()),
                key: key.to_owned(),
                location: loaded.places.location(key),
                shown: None,
            });
        }
    }
}

/// Reads only the association mask of an instance (`None`: the first one), so that it can be tried in an unfinished configuration.
///
/// # Errors
/// [`ConfigErrors`] when the file cannot be read or its mask is missing or wrong.
pub fn association_mask(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    instance: Option<&str>,
) -> Result<Mask, ConfigErrors> {
    let file = path.display().to_string();
    let mut tree = keys(&file, &read_text(path)?, environment)?;
    let mask = if tree.instances > 0 {
        tree.scope = Scope::Process;
        let has_name = |tree: &Tree, name| tree.get::<String>("instance.name").as_deref() == Some(name);
        let is_meant =
            |tree: &&Tree| tree.scope == Scope::Instance && instance.is_none_or(|name| has_name(tree, name));
        instance_trees::read(&mut tree).iter().find(is_meant).and_then(|tree| tree.get(MASK))
    } else {
        tree.complete();
        tree.get(MASK).filter(|_| instance.is_none())
    };
    tree.findings.retain(|finding| finding.key.ends_with(MASK));
    if mask.is_none() && tree.findings.is_empty() {
        let location = Location::Whole(file);
        tree.error(
            "",
            location,
            ValueError::new("no such instance signs people in", "write the name of an [[instance]]"),
        );
    }
    mask.ok_or_else(|| errors(tree))
}

/// The admin listener of a configuration.
#[derive(Debug)]
pub struct AdminListener {
    /// `listen.admin`.
    pub address: Option<SocketAddr>,
    /// `listen.admin_token`.
    pub token: Option<SecretString>,
}

/// Reads only what leads to the admin listener. A gateway may be running although the file has errors by now.
///
/// # Errors
/// [`ConfigErrors`] when the file cannot be read or is not TOML, and when its token cannot be read.
pub fn admin_listener(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<AdminListener, ConfigErrors> {
    let mut tree = keys(&path.display().to_string(), &read_text(path)?, environment)?;
    secret_files::read(&mut tree);
    tree.findings.retain(|finding| finding.key.starts_with(ADMIN_TOKEN));
    if !tree.findings.is_empty() {
        return Err(errors(tree));
    }
    let token = tree.get::<String>(ADMIN_TOKEN).map(SecretString::from);
    Ok(AdminListener { address: tree.get("listen.admin"), token })
}

/// The keys of a TOML text, unchecked, after those of `environment`.
fn keys(
    file: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Tree, ConfigErrors> {
    let mut tree = tree::read(file, text);
    if !tree.is_toml {
        return Err(errors(tree));
    }
    env::apply(&mut tree, environment);
    Ok(tree)
}

/// Reads a configuration that is already in memory; `file` is its name in findings.
pub(crate) fn from_text(
    file: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigErrors> {
    let mut tree = keys(file, text, environment)?;
    let mut instances = if tree.instances > 0 {
        tree.scope = Scope::Process;
        instance_trees::read(&mut tree)
    } else {
        Vec::new()
    };
    secret_files::read(&mut tree);
    rules::certificate(&mut tree);
    tree.complete();
    rules::apply_to_process(&mut tree);
    if tree.scope == Scope::Whole {
        rules::apply_to_instance(&mut tree);
    }
    if tree.findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(errors(tree));
    }
    let mut values = Effective::default();
    values.add_all(&tree, &instances);
    let Some((config, instance_places)) = typed(&mut tree, &mut instances) else {
        // Every value was checked, so this is a difference between schema and types. The error could quote a value.
        let location = Location::Whole(tree.places.file.clone());
        tree.error("", location, ValueError::new("the configuration does not fit its schema", ""));
        return Err(errors(tree));
    };
    if let (false, Some(key_file)) = (tree.is_set(KEY_FILE), config.session.store.key_file()) {
        values.add_file(KEY_FILE, key_file);
    }
    let warnings = Warnings(finish(&mut tree));
    Ok(Loaded { config, warnings, places: tree.places, instance_places, values })
}

/// Reads the values of trees without an error.
fn typed(tree: &mut Tree, trees: &mut [Tree]) -> Option<(Config, Vec<Places>)> {
    let (mut instances, mut public_instances) = (Vec::new(), Vec::new());
    let (mut places, mut public_places) = (Vec::new(), Vec::new());
    let values = std::mem::take(&mut tree.values);
    let SharedSections { listen, limits, session, log, brand } = if trees.is_empty() {
        let sections: Sections = values.try_into().ok()?;
        let Sections { mut ims, experience_cloud, campaign, listen, limits, session, log, brand } = sections;
        ims.proxy = proxy_of(tree, ims.proxy.take());
        instances.push(Arc::new(Instance { name: String::new(), ims, experience_cloud, campaign }));
        places.push(tree.places.clone());
        SharedSections { listen, limits, session, log, brand }
    } else {
        values.try_into().ok()?
    };
    for tree in trees {
        let mut tables = std::mem::take(&mut tree.values).try_into::<InstanceTables>().ok()?;
        if let Some(ims) = &mut tables.ims {
            ims.proxy = proxy_of(tree, ims.proxy.take());
        }
        let is_public = tables.ims.is_none();
        tables.add_to(&mut instances, &mut public_instances);
        if is_public { &mut public_places } else { &mut places }.push(tree.places.clone());
    }
    places.append(&mut public_places);
    Some((Config { instances, public_instances, listen, limits, session, log, brand }, places))
}

/// The proxy of the key, with the key that names it; else that of the environment.
fn proxy_of(tree: &Tree, proxy: Option<OutboundProxy>) -> Option<OutboundProxy> {
    let is_file = tree.is_set(rules::PROXY_FILE);
    let named = proxy.map(|proxy| if is_file { proxy.named(rules::PROXY_FILE) } else { proxy });
    named.or_else(|| tree.environment_proxy.clone())
}

fn errors(mut tree: Tree) -> ConfigErrors {
    ConfigErrors(finish(&mut tree))
}

/// The findings in order of the file, those of the environment last, each with the lines that may be shown.
fn finish(tree: &mut Tree) -> Vec<Finding> {
    let mut findings = std::mem::take(&mut tree.findings);
    findings.sort_by_key(|finding| match &finding.location {
        Location::Whole(_) => (0, 0),
        Location::File { span, .. } => (1, span.start),
        Location::Environment(_) => (2, 0),
    });
    if tree.is_toml {
        let shown = tree.places.shown(&tree.unknown);
        for finding in &mut findings {
            finding.shown = Some(shown.clone());
        }
    }
    findings
}

fn read_text(path: &Path) -> Result<String, ConfigErrors> {
    let file = path.display().to_string();
    let fail = |message: String, fix: &str| {
        ConfigErrors(vec![Finding {
            level: Level::Error,
            key: String::new(),
            message,
            fix: fix.to_owned(),
            location: Location::Whole(file.clone()),
            shown: None,
        }])
    };
    let text = files::read_text(path).map_err(|error| {
        let fix = match error.problem {
            FileProblem::Missing => {
                "name it with --config FILE or IMSGATE_CONFIG, or write one with: imsgate init".to_owned()
            }
            _ => error.fix(),
        };
        fail(format!("cannot read the configuration file: {}", error.reason()), &fix)
    })?;
    if text.len() > LARGEST_FILE {
        return Err(fail("the configuration file is larger than 1 MiB".to_owned(), "is it the right file?"));
    }
    Ok(text)
}

const KEY_FILE: &str = "session.key_file";
const ADMIN_TOKEN: &str = "listen.admin_token";
const MASK: &str = "ims.association_mask";
const LARGEST_FILE: usize = 1 << 20;
