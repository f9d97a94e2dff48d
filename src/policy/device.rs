//! Browser and operating system, from `User-Agent`. They help a person to tell their sessions apart and decide nothing.

use serde::{Deserialize, Serialize};

/// The browser and the system that a person signed in with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub browser: Browser,
    pub system: System,
}

/// A browser that people use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Browser {
    Chrome,
    Edge,
    Firefox,
    InternetExplorer,
    Opera,
    Safari,
    Samsung,
    /// Another one, also one that a later version knows.
    #[default]
    #[serde(other)]
    Other,
}

/// An operating system that people use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    Android,
    ChromeOs,
    Ipad,
    Iphone,
    Linux,
    MacOs,
    Windows,
    /// Another one, also one that a later version knows.
    #[default]
    #[serde(other)]
    Other,
}

impl Device {
    pub fn of(user_agent: &[u8]) -> Self {
        let read = &user_agent[..user_agent.len().min(MAX_BYTES)];
        let text = String::from_utf8_lossy(read);
        Self { browser: first(BROWSERS, &text), system: first(SYSTEMS, &text) }
    }
}

impl Browser {
    /// Its name, the same in every language; `None` for another one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Chrome => "Chrome",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::InternetExplorer => "Internet Explorer",
            Self::Opera => "Opera",
            Self::Safari => "Safari",
            Self::Samsung => "Samsung Internet",
            Self::Other => return None,
        })
    }
}

impl System {
    /// Its name, the same in every language; `None` for another one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Android => "Android",
            Self::ChromeOs => "ChromeOS",
            Self::Ipad => "iPad",
            Self::Iphone => "iPhone",
            Self::Linux => "Linux",
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
            Self::Other => return None,
        })
    }
}

/// Bytes of the field that are read.
const MAX_BYTES: usize = 512;

/// The first word that is there decides: most browsers also name those that they resemble.
const BROWSERS: &[(&str, Browser)] = &[
    ("Edg", Browser::Edge),
    ("OPR/", Browser::Opera),
    ("Opera", Browser::Opera),
    ("SamsungBrowser/", Browser::Samsung),
    ("Firefox/", Browser::Firefox),
    ("FxiOS/", Browser::Firefox),
    ("Chrome/", Browser::Chrome),
    ("CriOS/", Browser::Chrome),
    ("Safari/", Browser::Safari),
    ("Trident/", Browser::InternetExplorer),
    ("MSIE ", Browser::InternetExplorer),
];

const SYSTEMS: &[(&str, System)] = &[
    ("Windows", System::Windows),
    ("iPhone", System::Iphone),
    ("iPad", System::Ipad),
    ("Android", System::Android),
    ("CrOS", System::ChromeOs),
    ("Mac OS X", System::MacOs),
    ("Linux", System::Linux),
];

fn first<T: Copy + Default>(table: &[(&str, T)], text: &str) -> T {
    table.iter().find(|(word, _)| text.contains(word)).map(|(_, found)| *found).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_browsers_are_recognized() {
        for (user_agent, browser, system) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
                "Chrome",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0",
                "Edge",
                "Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox", "Linux"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "Safari",
                "macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/143.0 Mobile/15E148 Safari/604.1",
                "Chrome",
                "iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet",
                "Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
                "Chrome",
                "ChromeOS",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
                "Internet Explorer",
                "Windows",
            ),
        ] {
            let device = Device::of(user_agent.as_bytes());
            assert_eq!(
                (device.browser.name(), device.system.name()),
                (Some(browser), Some(system)),
                "{user_agent}"
            );
        }
        assert_eq!(Device::of(b"curl/8.17.0"), Device::default());
    }

    #[test]
    fn a_browser_of_a_later_version_is_another_one() {
        let device: Device = serde_json::from_str(r#"{"browser":"ladybird","system":"linux"}"#).unwrap();
        assert_eq!(device, Device { browser: Browser::Other, system: System::Linux });
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(user_agent in prop::collection::vec(any::<u8>(), 0..600)) {
            Device::of(&user_agent);
        }
    }
}
