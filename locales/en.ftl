### The pages that people see, in English.
### A value is plain text without HTML. src/pages fills in placeholders such as { $person }. `.p1` and `.p2` are paragraphs, `.step1` and `.step2` items of a list.

## Layout

product = Campaign sign-in
title = { $headline } – { $product }
footer-reference = Reference: { $reference }
footer-time = Time: { $time }
administrator = your Campaign administrator
ask = If the problem continues, ask { $contact } and give the reference below.

-wait = Wait a moment, then try again.
-come-back = You will return to the page that you wanted.
-copy = Go back one page and copy what you typed. Then sign in and send it again.
-look = Check in Campaign whether your entry is there before you enter it again.

## Times

date-time =
    { $day } { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    } { $year }, { $time } UTC
just-now = just now
soon = in less than a minute
minutes-ago =
    { $count ->
        [one] { $count } minute ago
       *[other] { $count } minutes ago
    }
hours-ago =
    { $count ->
        [one] { $count } hour ago
       *[other] { $count } hours ago
    }
days-ago =
    { $count ->
        [one] { $count } day ago
       *[other] { $count } days ago
    }
in-minutes =
    { $count ->
        [one] in { $count } minute
       *[other] in { $count } minutes
    }
in-hours =
    { $count ->
        [one] in { $count } hour
       *[other] in { $count } hours
    }
in-days =
    { $count ->
        [one] in { $count } day
       *[other] in { $count } days
    }

## Buttons

try-again = Try again
open-campaign = Open Campaign
sign-in = Sign in
sign-in-again = Sign in again
other-account = Sign in with another account
continue = Continue
back-to-page = Back to the page
your-sign-in = Back to your sign-in
sign-out = Sign out
sign-out-everywhere = Sign out everywhere
stay = Stay signed in

## Signing out

confirm-sign-out = Sign out of Campaign?
    .p1 = You are signed in as { $person }.
    .p2 = This ends your Campaign session and your Adobe session in this browser. Unsaved work in Campaign may be lost.
signed-out = You are signed out
    .p1 = Your Campaign session in this browser has ended.
    .p2 = If other people use this computer, close the browser too.

## Your sign-in

me = Your sign-in
    .p1 = You are signed in to Campaign with your Adobe account.
me-name = Name
me-email = E-mail
me-organization = Organisation
me-groups = Campaign groups
me-no-groups = None
me-ends = Session ends
me-wrong = Is something missing or wrong? Ask { $contact }.
me-sessions = Where you are signed in
me-sessions-missing = The list of your sessions is not available at the moment. Try again later.
me-everywhere = Is one of them not yours? Sign out everywhere: all these sessions end at once. Unsaved work in them may be lost.
session-full = { $browser } on { $system }
session-browser = { $browser }
session-system = Browser on { $system }
session-unknown = Unknown browser
session-this = (this browser)
session-times = Signed in { $created }, last used { $seen }

## Client console

console = Client console
    .p1 = The console on your computer needs a password. Create one here, then type it there within ten minutes.
console-create = Create a console password
console-withdraw = Sign out the console
console-password = Your password for the client console
    .p1 = Type these into the Adobe Campaign client console. This page shows the password only once.
    .p2 = The console stays signed in as long as you are signed in here. If you sign out here, the console is signed out too.
login-name = Login
password = Password
console-ends = Expires
console-ends-once = { $time }, valid for one sign-in
console-done = Done

## Saved forms

confirm-forms = Send what you entered?
    .p1 =
        { $count ->
            [one] Campaign has not received this form yet: your session had ended, or Campaign was under maintenance. You are signed in as { $person }.
           *[other] Campaign has not received these forms yet: your session had ended, or Campaign was under maintenance. You are signed in as { $person }.
        }
form-page = Page
form-address = Form
form-sent = Sent
form-deleted = Will be deleted
form-send = Send now
form-discard = Do not send

## No access

refused = You do not have access to Campaign
    .p1 = Adobe signed you in, but none of your groups in this organisation gives access to this Campaign.
    .step1 = Ask { $contact } to add you to a group with access to Campaign. Include the reference below.
    .step2 = If you have another Adobe account for Campaign, sign in with that account.
refused-groups = Your account has too many Campaign groups
    .p1 = Adobe signed you in, but your account has { $count } Campaign groups. That is more than Campaign accepts.
    .step1 = Ask { $contact } to remove you from groups that you do not need. Include the reference below.
    .step2 = Then sign in again.
refused-organization = Your account is not in this organisation
    .p1 = Adobe signed you in, but this account does not belong to the organisation of this Campaign.
    .step1 = If you have another Adobe account for Campaign, sign in with that account.
    .step2 = If not, ask { $contact } to add your account to this organisation.
refused-person = Signed in as
refused-member = Organisation
refused-required = Required organisation
refused-steps = What you can do

## Problems with a request

framed = Your session has ended
    .p1 = Sign in again to see this part of the page.
bad-address = This address cannot be opened
    .p1 = The address is damaged or contains characters that are not allowed. If you copied it, check that it is complete. If you followed a link, tell the person who sent it.
not-found = Page not found
    .p1 = The address may be mistyped, or the page may have moved.
closed = This address is closed
    .p1 = Nobody can open this address. Signing in again does not change that.
rule-unmet = You may not open this address
    .p1 = Your administrator has limited this address to some groups or networks. If you need it, ask them for access. Signing in again does not change that.
unknown-host = Wrong address
    .p1 = Campaign does not use this host name. Check the first part of the address, up to the first single slash.
foreign-origin = This request came from another site
    .p1 = A page of another site tried to change something here in your name. Nothing was changed. If you want this change, make it in Campaign.
foreign-token = This request belongs to another session
    .p1 = The address or the form contains a session token or a login that does not belong to your session. Nothing was changed. Open the page again from the start.
no-console-password = No password for the client console
    .p1 = Your administrator has turned off console passwords, or Adobe sent no e-mail address for you.
bad-envelope = This call cannot be processed
    .p1 = Your program sent a SOAP message that this site does not forward.
head-too-large = Your browser sent too much data
    .p1 = The address or the cookies for this site are too long. Delete the cookies of this site, then try again.
bad-framing = This request cannot be processed
    .p1 = Your program sent a request in a format that this site does not forward.
method = This request is not possible here
    .p1 = Your program sent a kind of request that this site does not forward.
store-unavailable = Sign-in is not available at the moment
    .p1 = We cannot look up your session. You have not been signed out. { -wait }
restarting = This site is restarting
    .p1 = It will be back in a moment. { -wait }
maintenance = Campaign is under maintenance
    .p1 = Campaign cannot be used while your administrators work on it. Nobody is signed out meanwhile.
maintenance-ends = The maintenance is expected to end { $time }.
maintenance-form = Your form is saved
    .p1 = Campaign is under maintenance and has not received your form. It is saved for you.
    .p2 = Keep this page open. After the maintenance, try again: you then decide whether to send it.
maintenance-form-lost = Your form was not sent
    .p1 = Campaign is under maintenance, and this form cannot be saved for you. Go back one page and copy what you typed. Send it again after the maintenance.
token-expired = Adobe is not responding
    .p1 = Adobe must renew your sign-in, but is not responding. You have not been signed out. { -wait }
too-many = Too many requests
    .p1 = This site has reached a limit, for your network or for everybody. { -wait }
body-too-large = Your upload is too large
    .p1 = This site does not accept uploads of this size. Nothing was saved.
body-incomplete = Your upload did not arrive
    .p1 = The connection was lost or too slow. Go back one page and send it again.
internal = Something went wrong
    .p1 = The sign-in service made an error. It is not your fault, and it has been logged. Wait a minute, then try again.

## Campaign does not respond or refuses

campaign-unavailable = Campaign is not responding
    .p1 = The Campaign server is busy or restarting. You are still signed in. { -wait }
public-page-unavailable = This page is not available at the moment
    .p1 = The server is busy or restarting. { -wait }
campaign-refused = Campaign did not open a session for you
    .p1 = Adobe signed you in, and your groups give access, but Campaign refused to open a session.
campaign-operator = Campaign does not know you
    .p1 = Adobe signed you in, and your groups give access, but Campaign has no active operator for your account.
campaign-zone = Campaign does not allow this sign-in
    .p1 = Adobe signed you in, and your groups give access, but the security zone of your network in Campaign does not allow the sign-in.
campaign-address = Campaign does not accept your network
    .p1 = Adobe signed you in, and your groups give access, but Campaign does not accept your network address, or does not trust this gateway.
campaign-restarting = Campaign is restarting
    .p1 = You are signed in, but Campaign cannot open a session yet. This takes a few minutes, usually once a day. { -wait }
no-campaign-session = Campaign does not accept your session
    .p1 = You are signed in, but Campaign opened no session for you, or ended it at once. It may be restarting. Wait a minute, then try again.
not-processed = Campaign had ended your session
    .p1 = You have a new session now, but what you sent was not processed.
    .p2 = Your browser may still have what you typed. Go back one page and send it again.
stale-page = This page is too old
    .p1 = The page belongs to an earlier session, so Campaign did not accept what you sent. Nothing was changed.
    .p2 = Open the page again, then send what you entered.

## Problems with a sign-in

ims-unavailable = Adobe sign-in is not available
    .p1 = We cannot reach Adobe’s sign-in service at the moment. Your account is fine. { -wait } { -come-back }
sign-ins-busy = Many people are signing in
    .p1 = More people are signing in than this site can serve at once. Your account is fine. { -wait } { -come-back }
emergency = Sign in to Campaign
    .p1 = If you can sign in with Adobe, do so. While Adobe sign-in is not available, accounts that your administrator has listed can sign in here.
    .unavailable = Adobe sign-in is not available at the moment.
    .refused = Login or password was not accepted. After a few wrong passwords, an account must wait ten minutes.
emergency-adobe = Sign in with Adobe
login-declined = Adobe did not sign you in
    .p1 = The sign-in was cancelled, or your organisation does not allow this account to sign in.
    .p2 = Try again with the Adobe account that you use for Campaign.
login-invalid = We could not verify your sign-in
    .p1 = Adobe’s answer did not pass our checks. Your password and your account are not the cause.
    .p2 = Try again once.
login-cookie = Your browser did not keep the sign-in cookie
    .p1 = This site sets a cookie before it sends you to Adobe. Your browser did not send that cookie back.
    .p2 = Allow cookies for this site. Finish the sign-in in the same browser and in the same kind of window, normal or private.
login-loop = The sign-in keeps starting over
    .p1 = Your browser went to Adobe and back several times without signing in, so we stopped.
    .p2 = Allow cookies for this site, close its other tabs, then sign in again.
login-clock = The clocks do not agree
    .p1 = The time in your sign-in differs too much from the time of this server.
    .p2 = You cannot fix this yourself. An administrator must check the server’s clock.

## Problems with a form

form-of-another = Nothing was sent
    .p1 = Another person was signed in when this form was filled in. It was not sent in your name, and it is now deleted.
form-gone = This form was already sent or has expired
    .p1 = A form is sent only once and kept for a limited time. It was not sent now. { -look }
form-still-saved = Campaign is not responding
    .p1 = The Campaign server is busy or restarting. Your form was not sent and is still saved. { -wait }
form-unknown = We do not know whether Campaign received your form
    .p1 = Campaign closed the connection before it answered. We do not send the form again, so that it cannot arrive twice. { -look }
form-not-signed-in = Your form was not sent
    .p1 = You are not signed in. { -copy }
form-other-origin = Your form was not sent
    .p1 = You are not signed in, and the form came from another site. { -copy }
form-too-large = Your form was not sent
    .p1 = Your session had ended. The form is larger than 1 MB, too large to be saved for you. { -copy }
form-unsupported = Your form was not sent
    .p1 = Your session had ended. Forms of this kind cannot be saved for you. { -copy }
form-not-saved = Your form was not sent
    .p1 = Your session had ended. The form cannot be saved for you at the moment. { -copy }
