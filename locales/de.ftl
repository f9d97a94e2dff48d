### Die Seiten, die Menschen sehen, auf Deutsch. Anrede: Sie.

## Layout

product = Campaign-Anmeldung
title = { $headline } – { $product }
footer-reference = Referenz: { $reference }
footer-time = Zeit: { $time }
administrator = Ihre Campaign-Administration
ask = Wenn das Problem bestehen bleibt, wenden Sie sich an { $contact } und nennen Sie die Referenz unten.

-wait = Warten Sie einen Moment und versuchen Sie es dann erneut.
-come-back = Sie kehren danach zu der Seite zurück, die Sie öffnen wollten.
-copy = Gehen Sie im Browser eine Seite zurück und kopieren Sie Ihre Eingaben. Melden Sie sich dann an und senden Sie sie erneut.
-look = Prüfen Sie in Campaign, ob Ihre Eingaben schon dort sind, bevor Sie sie erneut eingeben.

## Times

date-time =
    { $day }. { $month ->
        [1] Januar
        [2] Februar
        [3] März
        [4] April
        [5] Mai
        [6] Juni
        [7] Juli
        [8] August
        [9] September
        [10] Oktober
        [11] November
       *[12] Dezember
    } { $year }, { $time } Uhr UTC
just-now = gerade eben
soon = in weniger als einer Minute
minutes-ago =
    { $count ->
        [one] vor { $count } Minute
       *[other] vor { $count } Minuten
    }
hours-ago =
    { $count ->
        [one] vor { $count } Stunde
       *[other] vor { $count } Stunden
    }
days-ago =
    { $count ->
        [one] vor { $count } Tag
       *[other] vor { $count } Tagen
    }
in-minutes =
    { $count ->
        [one] in { $count } Minute
       *[other] in { $count } Minuten
    }
in-hours =
    { $count ->
        [one] in { $count } Stunde
       *[other] in { $count } Stunden
    }
in-days =
    { $count ->
        [one] in { $count } Tag
       *[other] in { $count } Tagen
    }

## Buttons

try-again = Erneut versuchen
open-campaign = Campaign öffnen
sign-in = Anmelden
sign-in-again = Erneut anmelden
other-account = Mit einem anderen Konto anmelden
continue = Weiter
back-to-page = Zurück zur Seite
your-sign-in = Zurück zu Ihrer Anmeldung
sign-out = Abmelden
sign-out-everywhere = Überall abmelden
stay = Angemeldet bleiben

## Signing out

confirm-sign-out = Von Campaign abmelden?
    .p1 = Sie sind angemeldet als { $person }.
    .p2 = Damit enden Ihre Campaign-Sitzung und Ihre Adobe-Sitzung in diesem Browser. Nicht gespeicherte Arbeit in Campaign kann verloren gehen.
signed-out = Sie sind abgemeldet
    .p1 = Ihre Campaign-Sitzung in diesem Browser ist beendet.
    .p2 = Wenn andere Personen diesen Computer benutzen, schließen Sie auch den Browser.

## Your sign-in

me = Ihre Anmeldung
    .p1 = Sie sind mit Ihrem Adobe-Konto bei Campaign angemeldet.
me-name = Name
me-email = E-Mail
me-organization = Organisation
me-groups = Campaign-Gruppen
me-no-groups = Keine
me-ends = Sitzung endet
me-wrong = Fehlt etwas oder stimmt etwas nicht? Wenden Sie sich an { $contact }.
me-sessions = Wo Sie angemeldet sind
me-sessions-missing = Die Liste Ihrer Sitzungen ist momentan nicht verfügbar. Versuchen Sie es später erneut.
me-everywhere = Gehört eine davon nicht Ihnen? Melden Sie sich überall ab: Alle diese Sitzungen enden sofort. Nicht gespeicherte Arbeit darin kann verloren gehen.
session-full = { $browser } unter { $system }
session-browser = { $browser }
session-system = Browser unter { $system }
session-unknown = Unbekannter Browser
session-this = (dieser Browser)
session-times = Anmeldung: { $created }, zuletzt verwendet: { $seen }

## Client console

console = Client-Konsole
    .p1 = Die Konsole auf Ihrem Computer braucht ein Passwort. Erstellen Sie hier eines und geben Sie es innerhalb von zehn Minuten dort ein.
console-create = Konsolenpasswort erstellen
console-withdraw = Konsole abmelden
console-password = Ihr Passwort für die Client-Konsole
    .p1 = Geben Sie diese Angaben in der Adobe-Campaign-Client-Konsole ein. Diese Seite zeigt das Passwort nur einmal.
    .p2 = Die Konsole bleibt angemeldet, solange Sie hier angemeldet sind. Wenn Sie sich hier abmelden, wird auch die Konsole abgemeldet.
login-name = Anmeldename
password = Passwort
console-ends = Läuft ab
console-ends-once = { $time }, gültig für eine Anmeldung
console-done = Fertig

## Saved forms

confirm-forms = Ihre Eingaben senden?
    .p1 =
        { $count ->
            [one] Campaign hat dieses Formular noch nicht erhalten: Ihre Sitzung war beendet, oder Campaign wurde gewartet. Sie sind angemeldet als { $person }.
           *[other] Campaign hat diese Formulare noch nicht erhalten: Ihre Sitzung war beendet, oder Campaign wurde gewartet. Sie sind angemeldet als { $person }.
        }
form-page = Seite
form-address = Formular
form-sent = Gesendet
form-deleted = Wird gelöscht
form-send = Jetzt senden
form-discard = Nicht senden

## No access

refused = Sie haben keinen Zugriff auf Campaign
    .p1 = Die Anmeldung bei Adobe war erfolgreich, aber keine Ihrer Gruppen in dieser Organisation gibt Zugriff auf dieses Campaign.
    .step1 = Wenden Sie sich an { $contact }, um in eine Gruppe mit Zugriff auf Campaign aufgenommen zu werden. Nennen Sie die Referenz unten.
    .step2 = Wenn Sie für Campaign ein anderes Adobe-Konto haben, melden Sie sich mit diesem Konto an.
refused-groups = Ihr Konto hat zu viele Campaign-Gruppen
    .p1 = Die Anmeldung bei Adobe war erfolgreich, aber Ihr Konto hat { $count } Campaign-Gruppen. Das sind mehr, als Campaign annimmt.
    .step1 = Wenden Sie sich an { $contact }, um aus nicht benötigten Gruppen entfernt zu werden. Nennen Sie die Referenz unten.
    .step2 = Melden Sie sich dann erneut an.
refused-organization = Ihr Konto gehört nicht zu dieser Organisation
    .p1 = Die Anmeldung bei Adobe war erfolgreich, aber dieses Konto gehört nicht zur Organisation dieses Campaign.
    .step1 = Wenn Sie für Campaign ein anderes Adobe-Konto haben, melden Sie sich mit diesem Konto an.
    .step2 = Wenn nicht, wenden Sie sich an { $contact }, damit Ihr Konto in diese Organisation aufgenommen wird.
refused-person = Angemeldet als
refused-member = Organisation
refused-required = Erforderliche Organisation
refused-steps = Was Sie tun können

## Problems with a request

framed = Ihre Sitzung ist beendet
    .p1 = Melden Sie sich erneut an, um diesen Teil der Seite zu sehen.
bad-address = Diese Adresse kann nicht geöffnet werden
    .p1 = Die Adresse ist beschädigt oder enthält unzulässige Zeichen. Wenn Sie sie kopiert haben, prüfen Sie, ob sie vollständig ist. Wenn Sie einem Link gefolgt sind, informieren Sie die Person, die ihn gesendet hat.
not-found = Seite nicht gefunden
    .p1 = Vielleicht ist die Adresse falsch geschrieben, oder die Seite wurde verschoben.
closed = Diese Adresse ist gesperrt
    .p1 = Niemand kann diese Adresse öffnen. Eine erneute Anmeldung ändert das nicht.
rule-unmet = Sie dürfen diese Adresse nicht öffnen
    .p1 = Ihre Administration hat diese Adresse auf bestimmte Gruppen oder Netzwerke beschränkt. Wenn Sie sie brauchen, bitten Sie dort um Zugriff. Eine erneute Anmeldung ändert das nicht.
unknown-host = Falsche Adresse
    .p1 = Campaign verwendet diesen Hostnamen nicht. Prüfen Sie den ersten Teil der Adresse bis zum ersten einfachen Schrägstrich.
foreign-origin = Diese Anfrage kam von einer anderen Website
    .p1 = Eine Seite einer anderen Website hat versucht, hier in Ihrem Namen etwas zu ändern. Es wurde nichts geändert. Wenn Sie diese Änderung wünschen, nehmen Sie sie in Campaign vor.
foreign-token = Diese Anfrage gehört zu einer anderen Sitzung
    .p1 = Die Adresse oder das Formular enthält ein Sitzungstoken oder einen Anmeldenamen, der nicht zu Ihrer Sitzung gehört. Es wurde nichts geändert. Öffnen Sie die Seite neu.
no-console-password = Kein Passwort für die Client-Konsole
    .p1 = Ihre Administration hat Konsolenpasswörter ausgeschaltet, oder Adobe hat keine E-Mail-Adresse für Sie übermittelt.
bad-envelope = Dieser Aufruf kann nicht verarbeitet werden
    .p1 = Ihr Programm hat eine SOAP-Nachricht gesendet, die diese Website nicht weiterleitet.
head-too-large = Ihr Browser hat zu viele Daten gesendet
    .p1 = Die Adresse oder die Cookies dieser Website sind zu lang. Löschen Sie die Cookies dieser Website und versuchen Sie es dann erneut.
bad-framing = Diese Anfrage kann nicht verarbeitet werden
    .p1 = Ihr Programm hat eine Anfrage in einem Format gesendet, das diese Website nicht weiterleitet.
method = Diese Anfrage ist hier nicht möglich
    .p1 = Ihr Programm hat eine Art von Anfrage gesendet, die diese Website nicht weiterleitet.
store-unavailable = Die Anmeldung ist momentan nicht verfügbar
    .p1 = Wir können Ihre Sitzung nicht nachschlagen. Sie wurden nicht abgemeldet. { -wait }
restarting = Diese Website wird neu gestartet
    .p1 = Sie ist gleich wieder da. { -wait }
maintenance = Campaign wird gewartet
    .p1 = Campaign ist nicht verfügbar, solange Ihre Administratoren daran arbeiten. Niemand wird dabei abgemeldet.
maintenance-ends = Die Wartung endet voraussichtlich { $time }.
maintenance-form = Ihr Formular ist gespeichert
    .p1 = Campaign wird gewartet und hat Ihr Formular nicht erhalten. Es ist für Sie gespeichert.
    .p2 = Lassen Sie diese Seite geöffnet. Versuchen Sie es nach der Wartung erneut: Dann entscheiden Sie, ob es gesendet wird.
maintenance-form-lost = Ihr Formular wurde nicht gesendet
    .p1 = Campaign wird gewartet, und dieses Formular kann nicht für Sie gespeichert werden. Gehen Sie eine Seite zurück und kopieren Sie Ihre Eingaben. Senden Sie sie nach der Wartung noch einmal.
token-expired = Adobe antwortet nicht
    .p1 = Adobe muss Ihre Anmeldung erneuern, antwortet aber nicht. Sie wurden nicht abgemeldet. { -wait }
too-many = Zu viele Anfragen
    .p1 = Diese Website hat eine Grenze erreicht, für Ihr Netzwerk oder insgesamt. { -wait }
body-too-large = Ihr Upload ist zu groß
    .p1 = Diese Website nimmt Uploads dieser Größe nicht an. Es wurde nichts gespeichert.
body-incomplete = Ihr Upload ist nicht angekommen
    .p1 = Die Verbindung wurde unterbrochen oder war zu langsam. Gehen Sie im Browser eine Seite zurück und senden Sie ihn erneut.
internal = Ein Fehler ist aufgetreten
    .p1 = Der Anmeldedienst hat einen Fehler gemacht. Sie sind nicht die Ursache, und der Fehler wurde protokolliert. Versuchen Sie es in einer Minute erneut.

## Campaign does not respond or refuses

campaign-unavailable = Campaign antwortet nicht
    .p1 = Der Campaign-Server ist ausgelastet oder startet neu. Sie sind weiterhin angemeldet. { -wait }
public-page-unavailable = Diese Seite ist momentan nicht verfügbar
    .p1 = Der Server ist ausgelastet oder startet neu. { -wait }
campaign-refused = Campaign hat keine Sitzung für Sie geöffnet
    .p1 = Adobe hat Sie angemeldet, und Ihre Gruppen geben Zugriff, aber Campaign hat es abgelehnt, eine Sitzung zu öffnen.
campaign-operator = Campaign kennt Sie nicht
    .p1 = Adobe hat Sie angemeldet, und Ihre Gruppen geben Zugriff, aber Campaign hat keinen aktiven Benutzer für Ihr Konto.
campaign-zone = Campaign erlaubt diese Anmeldung nicht
    .p1 = Adobe hat Sie angemeldet, und Ihre Gruppen geben Zugriff, aber die Sicherheitszone Ihres Netzwerks in Campaign erlaubt die Anmeldung nicht.
campaign-address = Campaign akzeptiert Ihr Netzwerk nicht
    .p1 = Adobe hat Sie angemeldet, und Ihre Gruppen geben Zugriff, aber Campaign akzeptiert Ihre Netzwerkadresse nicht oder vertraut diesem Gateway nicht.
campaign-restarting = Campaign wird neu gestartet
    .p1 = Sie sind angemeldet, aber Campaign kann noch keine Sitzung öffnen. Das dauert einige Minuten, meist einmal am Tag. { -wait }
no-campaign-session = Campaign akzeptiert Ihre Sitzung nicht
    .p1 = Sie sind angemeldet, aber Campaign hat keine Sitzung für Sie geöffnet oder sie sofort beendet. Vielleicht startet es gerade neu. Versuchen Sie es in einer Minute erneut.
not-processed = Campaign hatte Ihre Sitzung beendet
    .p1 = Sie haben jetzt eine neue Sitzung, aber Ihre Eingaben wurden nicht verarbeitet.
    .p2 = Vielleicht hat Ihr Browser sie noch. Gehen Sie im Browser eine Seite zurück und senden Sie sie erneut.
stale-page = Diese Seite ist zu alt
    .p1 = Die Seite gehört zu einer früheren Sitzung, deshalb hat Campaign Ihre Eingaben nicht angenommen. Es wurde nichts geändert.
    .p2 = Öffnen Sie die Seite neu und senden Sie dann Ihre Eingaben.

## Problems with a sign-in

ims-unavailable = Die Adobe-Anmeldung ist nicht verfügbar
    .p1 = Der Anmeldedienst von Adobe ist momentan nicht erreichbar. Mit Ihrem Konto ist alles in Ordnung. { -wait } { -come-back }
sign-ins-busy = Viele Personen melden sich gerade an
    .p1 = Es melden sich mehr Personen an, als diese Website gleichzeitig bedienen kann. Mit Ihrem Konto ist alles in Ordnung. { -wait } { -come-back }
emergency = Bei Campaign anmelden
    .p1 = Wenn Sie sich über Adobe anmelden können, tun Sie das. Solange die Anmeldung bei Adobe nicht verfügbar ist, können sich hier Konten anmelden, die Ihr Administrator dafür freigegeben hat.
    .unavailable = Die Anmeldung bei Adobe ist zurzeit nicht verfügbar.
    .refused = Anmeldename oder Passwort wurde nicht angenommen. Nach einigen falschen Passwörtern muss ein Konto zehn Minuten warten.
emergency-adobe = Über Adobe anmelden
login-declined = Adobe hat Sie nicht angemeldet
    .p1 = Die Anmeldung wurde abgebrochen, oder Ihre Organisation erlaubt diesem Konto die Anmeldung nicht.
    .p2 = Versuchen Sie es mit dem Adobe-Konto, das Sie für Campaign verwenden.
login-invalid = Wir konnten Ihre Anmeldung nicht bestätigen
    .p1 = Die Antwort von Adobe hat unsere Prüfungen nicht bestanden. Ihr Passwort und Ihr Konto sind nicht die Ursache.
    .p2 = Versuchen Sie es noch einmal.
login-cookie = Ihr Browser hat das Anmelde-Cookie nicht behalten
    .p1 = Diese Website setzt ein Cookie, bevor sie Sie zu Adobe weiterleitet. Ihr Browser hat es nicht zurückgesendet.
    .p2 = Erlauben Sie Cookies für diese Website. Schließen Sie die Anmeldung im selben Browser und in derselben Art von Fenster ab, normal oder privat.
login-loop = Die Anmeldung beginnt immer wieder von vorn
    .p1 = Ihr Browser war mehrmals bei Adobe und zurück, ohne angemeldet zu werden. Deshalb haben wir angehalten.
    .p2 = Erlauben Sie Cookies für diese Website, schließen Sie ihre anderen Tabs und melden Sie sich dann erneut an.
login-clock = Die Uhren stimmen nicht überein
    .p1 = Die Zeit in Ihrer Anmeldung weicht zu stark von der Zeit dieses Servers ab.
    .p2 = Sie können das nicht selbst beheben. Die Administration muss die Uhr des Servers prüfen.

## Problems with a form

form-of-another = Es wurde nichts gesendet
    .p1 = Eine andere Person war angemeldet, als dieses Formular ausgefüllt wurde. Es wurde nicht in Ihrem Namen gesendet und ist jetzt gelöscht.
form-gone = Dieses Formular wurde schon gesendet oder ist abgelaufen
    .p1 = Ein Formular wird nur einmal gesendet und nur begrenzte Zeit aufbewahrt. Es wurde jetzt nicht gesendet. { -look }
form-still-saved = Campaign antwortet nicht
    .p1 = Der Campaign-Server ist ausgelastet oder startet neu. Ihr Formular wurde nicht gesendet und ist weiterhin gespeichert. { -wait }
form-unknown = Wir wissen nicht, ob Campaign Ihr Formular erhalten hat
    .p1 = Campaign hat die Verbindung vor der Antwort geschlossen. Wir senden das Formular nicht erneut, damit es nicht zweimal ankommt. { -look }
form-not-signed-in = Ihr Formular wurde nicht gesendet
    .p1 = Sie sind nicht angemeldet. { -copy }
form-other-origin = Ihr Formular wurde nicht gesendet
    .p1 = Sie sind nicht angemeldet, und das Formular kam von einer anderen Website. { -copy }
form-too-large = Ihr Formular wurde nicht gesendet
    .p1 = Ihre Sitzung war beendet. Das Formular ist größer als 1 MB und kann deshalb nicht für Sie gespeichert werden. { -copy }
form-unsupported = Ihr Formular wurde nicht gesendet
    .p1 = Ihre Sitzung war beendet. Formulare dieser Art können nicht für Sie gespeichert werden. { -copy }
form-not-saved = Ihr Formular wurde nicht gesendet
    .p1 = Ihre Sitzung war beendet. Das Formular kann momentan nicht für Sie gespeichert werden. { -copy }
