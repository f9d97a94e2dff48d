//! Pages are in the language that the browser asks for; responses for programs are not translated.

use bytes::Bytes;
use http::{Request, StatusCode, header};

use crate::support::{Answer, World};

#[tokio::test]
async fn a_page_is_in_the_language_of_the_browser() {
    let world = World::start().await;
    for (wanted, tag, headline) in [
        ("de-CH,de;q=0.9,en;q=0.8", "de", "Sie sind abgemeldet"),
        ("en;q=0.4, fr-CA;q=0.9", "fr", "Vous êtes déconnecté"),
        ("es", "es", "Ha cerrado la sesión"),
        ("ja,en-US;q=0.7", "ja", "サインアウトしました"),
        ("pt-BR,pt;q=0.9", "en", "You are signed out"),
    ] {
        let page = ask(&world, "/ims/signed-out", wanted, "text/html").await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("content-language"), tag);
        assert_eq!(page.header("vary"), "Accept-Language");
        assert!(page.text().contains(&format!("<html lang=\"{tag}\">")), "{wanted}");
        assert!(page.text().contains(&format!("<h1>{headline}</h1>")), "{wanted}: {}", page.text());
    }
    // A request that is refused before anything is known about its sender.
    let refused = ask(&world, "/view%2f..%2fhome", "de", "text/html").await;
    assert_eq!(refused.header("content-language"), "de");
    assert!(refused.text().contains("Diese Adresse kann nicht geöffnet werden"), "{}", refused.text());
    world.stop().await;
}

#[tokio::test]
async fn what_programs_read_has_no_language() {
    let world = World::start().await;
    let answer = ask(&world, "/view/home", "de", "application/json").await;
    assert_eq!(answer.json()["error"], "login_required");
    assert_eq!(answer.header("content-language"), "");
    world.stop().await;
}

async fn ask(world: &World, path: &str, language: &str, accept: &str) -> Answer {
    let request = Request::get(path)
        .header(header::ACCEPT, accept)
        .header(header::ACCEPT_LANGUAGE, language)
        .body(Bytes::new())
        .unwrap();
    world.browser().request(request).await
}
