//! `[brand]`: name, logo and colours on pages of the gateway, and nothing that the content security policy would not allow.

use http::StatusCode;

use crate::support::World;

#[tokio::test]
async fn a_brand_is_on_every_page_and_its_logo_runs_no_script() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.svg");
    std::fs::write(&logo, "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>")
        .unwrap();
    let world = World::builder()
        .config(move |config| {
            config.brand.name = Some("Acme & Sons".to_owned());
            config.brand.logo = Some(logo);
            config.brand.primary_color = Some("#7a1f5c".to_owned());
        })
        .start()
        .await;
    let browser = world.browser();
    for path in ["/ims/signed-out", "/ims/nothing-here", "/view%2f..%2fhome"] {
        let page = browser.get(path).await;
        let html = page.text();
        assert!(html.contains("– Acme &#38; Sons</title>"), "{html}");
        assert!(html.contains("background: #7a1f5c;"), "{html}");
        assert!(page.header("content-security-policy").contains("img-src 'self';"));
        let (_, rest) = html.split_once("<img src=\"").unwrap();
        let (address, _) = rest.split_once('"').unwrap();
        assert!(address.starts_with("/ims/brand/logo?v="), "{address}");
        let image = browser.get(address).await;
        assert_eq!((image.status, image.header("content-type")), (StatusCode::OK, "image/svg+xml"));
        assert_eq!(image.header("x-content-type-options"), "nosniff");
        assert!(image.header("content-security-policy").contains("default-src 'none'"));
        assert!(image.header("content-security-policy").ends_with("sandbox"));
    }
    world.stop().await;
}

#[tokio::test]
async fn without_a_logo_there_is_no_image() {
    let world = World::start().await;
    assert_eq!(world.browser().get("/ims/brand/logo").await.status, StatusCode::NOT_FOUND);
    let page = world.browser().get("/ims/signed-out").await;
    assert!(!page.text().contains("<img") && !page.header("content-security-policy").contains("img-src"));
    world.stop().await;
}
