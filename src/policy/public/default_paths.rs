//! The public paths of a Campaign instance whose operator names none.

/// The paths that Campaign's own security zones leave open.
pub const DEFAULT_CAMPAIGN: &[&str] = &[
    "/r/*",
    "/nl/jsp/m.jsp",
    "/nl/jsp/s.jsp",
    "/nms/jsp/webForm.jsp",
    "/nms/jsp/barcode.jsp",
    "/nms/jsp/captcha.jsp",
    "/xtk/jsp/zoneinfo.jsp",
    "*/sc.jssp",
    "*/interactionProposal.jssp",
    "*/zoneJson.jssp",
    "*/facebookCallback.jssp",
    "/webApp/*",
    "/jssp/pub*",
    "/strings/pub*",
    "/interaction/*",
    "/barcode/*",
    "/lineImage/*",
    "/res/*",
    "/nms/mobile/1/registerIOS.jssp",
    "/nms/mobile/1/registerAndroid.jssp",
    "/favicon.*",
    "/robots.txt",
    "/nl/interactionProposal.js",
    // What anonymous web applications load.
    "/nl/webForms/*",
    "/nl/gen/min/*",
    "/nl/core/shared/webTracking.js",
    "/xtk/img/*",
    "/nms/img/*",
];
