//! The one obvious next step of a page: the label of its button, and where the button leads.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Loads the same address again.
    TryAgain,
    /// Opens Campaign's first page.
    OpenCampaign,
    /// Opens the page that the person wanted.
    Continue,
    /// Goes back to the page with the form.
    BackToPage,
    SignIn,
    /// Signs in once more.
    SignInAgain,
    /// Signs in as somebody else.
    OtherAccount,
    /// Goes to the page that says who is signed in.
    YourSignIn,
}

impl NextStep {
    /// The id of the message on the button.
    pub fn label(self) -> &'static str {
        match self {
            Self::TryAgain => "try-again",
            Self::OpenCampaign => "open-campaign",
            Self::Continue => "continue",
            Self::BackToPage => "back-to-page",
            Self::SignIn => "sign-in",
            Self::SignInAgain => "sign-in-again",
            Self::OtherAccount => "other-account",
            Self::YourSignIn => "your-sign-in",
        }
    }

    /// Where the button leads when the caller names no address.
    pub fn address(self) -> &'static str {
        match self {
            // The address of the page itself (RFC 3986 §4.4).
            Self::TryAgain => "",
            Self::OpenCampaign | Self::Continue | Self::BackToPage => "/view/home",
            Self::SignIn | Self::SignInAgain => "/ims/login",
            Self::OtherAccount => "/ims/login?prompt=login",
            Self::YourSignIn => "/ims/me",
        }
    }
}
