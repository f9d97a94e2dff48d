### Les pages que voient les personnes, en français. Vouvoiement.

## Layout

product = Connexion à Campaign
title = { $headline } – { $product }
footer-reference = Référence : { $reference }
footer-time = Heure : { $time }
administrator = votre administrateur Campaign
ask = Si le problème persiste, contactez { $contact } et indiquez la référence ci-dessous.

-wait = Patientez un instant, puis réessayez.
-come-back = Vous reviendrez à la page que vous vouliez ouvrir.
-copy = Revenez à la page précédente et copiez votre saisie. Connectez-vous ensuite et envoyez-la de nouveau.
-look = Vérifiez dans Campaign si votre saisie s’y trouve avant de la refaire.

## Times

date-time =
    { $day ->
        [1] 1er
       *[other] { $day }
    } { $month ->
        [1] janvier
        [2] février
        [3] mars
        [4] avril
        [5] mai
        [6] juin
        [7] juillet
        [8] août
        [9] septembre
        [10] octobre
        [11] novembre
       *[12] décembre
    } { $year } à { $time } UTC
just-now = à l’instant
soon = dans moins d’une minute
minutes-ago =
    { $count ->
        [one] il y a { $count } minute
       *[other] il y a { $count } minutes
    }
hours-ago =
    { $count ->
        [one] il y a { $count } heure
       *[other] il y a { $count } heures
    }
days-ago =
    { $count ->
        [one] il y a { $count } jour
       *[other] il y a { $count } jours
    }
in-minutes =
    { $count ->
        [one] dans { $count } minute
       *[other] dans { $count } minutes
    }
in-hours =
    { $count ->
        [one] dans { $count } heure
       *[other] dans { $count } heures
    }
in-days =
    { $count ->
        [one] dans { $count } jour
       *[other] dans { $count } jours
    }

## Buttons

try-again = Réessayer
open-campaign = Ouvrir Campaign
sign-in = Se connecter
sign-in-again = Se reconnecter
other-account = Se connecter avec un autre compte
continue = Continuer
back-to-page = Retour à la page
your-sign-in = Retour à votre connexion
sign-out = Se déconnecter
sign-out-everywhere = Se déconnecter partout
stay = Rester connecté

## Signing out

confirm-sign-out = Se déconnecter de Campaign ?
    .p1 = Vous êtes connecté en tant que { $person }.
    .p2 = Cela met fin à votre session Campaign et à votre session Adobe dans ce navigateur. Le travail non enregistré dans Campaign peut être perdu.
signed-out = Vous êtes déconnecté
    .p1 = Votre session Campaign dans ce navigateur est terminée.
    .p2 = Si d’autres personnes utilisent cet ordinateur, fermez aussi le navigateur.

## Your sign-in

me = Votre connexion
    .p1 = Vous êtes connecté à Campaign avec votre compte Adobe.
me-name = Nom
me-email = E-mail
me-organization = Organisation
me-groups = Groupes Campaign
me-no-groups = Aucun
me-ends = Fin de la session
me-wrong = Une information manque ou est inexacte ? Contactez { $contact }.
me-sessions = Où vous êtes connecté
me-sessions-missing = La liste de vos sessions n’est pas disponible pour le moment. Réessayez plus tard.
me-everywhere = L’une d’elles n’est pas la vôtre ? Déconnectez-vous partout : toutes ces sessions se terminent aussitôt. Le travail non enregistré peut être perdu.
session-full = { $browser } sur { $system }
session-browser = { $browser }
session-system = Navigateur sur { $system }
session-unknown = Navigateur inconnu
session-this = (ce navigateur)
session-times = Connexion : { $created } ; dernière utilisation : { $seen }

## Client console

console = Console cliente
    .p1 = La console de votre ordinateur demande un mot de passe. Créez-en un ici, puis saisissez-le dans la console dans les dix minutes.
console-create = Créer un mot de passe
console-withdraw = Déconnecter la console
console-password = Votre mot de passe pour la console cliente
    .p1 = Saisissez ces informations dans la console cliente Adobe Campaign. Cette page n’affiche le mot de passe qu’une seule fois.
    .p2 = La console reste connectée tant que vous êtes connecté ici. Si vous vous déconnectez ici, elle est déconnectée elle aussi.
login-name = Identifiant
password = Mot de passe
console-ends = Expiration
console-ends-once = { $time }, valable pour une seule connexion
console-done = Terminé

## Saved forms

confirm-forms = Envoyer votre saisie ?
    .p1 =
        { $count ->
            [one] Campaign n’a pas encore reçu ce formulaire : votre session était terminée, ou Campaign était en maintenance. Vous êtes connecté en tant que { $person }.
           *[other] Campaign n’a pas encore reçu ces formulaires : votre session était terminée, ou Campaign était en maintenance. Vous êtes connecté en tant que { $person }.
        }
form-page = Page
form-address = Formulaire
form-sent = Envoi
form-deleted = Suppression
form-send = Envoyer maintenant
form-discard = Ne pas envoyer

## No access

refused = Vous n’avez pas accès à Campaign
    .p1 = La connexion à Adobe a réussi, mais aucun de vos groupes dans cette organisation ne donne accès à cette instance de Campaign.
    .step1 = Contactez { $contact } pour être ajouté à un groupe qui donne accès à Campaign. Indiquez la référence ci-dessous.
    .step2 = Si vous avez un autre compte Adobe pour Campaign, connectez-vous avec ce compte.
refused-groups = Votre compte a trop de groupes Campaign
    .p1 = La connexion à Adobe a réussi, mais votre compte a { $count } groupes Campaign. C’est plus que Campaign n’en accepte.
    .step1 = Contactez { $contact } pour être retiré des groupes dont vous n’avez pas besoin. Indiquez la référence ci-dessous.
    .step2 = Reconnectez-vous ensuite.
refused-organization = Votre compte n’appartient pas à cette organisation
    .p1 = La connexion à Adobe a réussi, mais ce compte n’appartient pas à l’organisation de cette instance de Campaign.
    .step1 = Si vous avez un autre compte Adobe pour Campaign, connectez-vous avec ce compte.
    .step2 = Sinon, contactez { $contact } pour faire ajouter votre compte à cette organisation.
refused-person = Compte
refused-member = Organisation
refused-required = Organisation requise
refused-steps = Ce que vous pouvez faire

## Problems with a request

framed = Votre session est terminée
    .p1 = Reconnectez-vous pour voir cette partie de la page.
bad-address = Impossible d’ouvrir cette adresse
    .p1 = L’adresse est endommagée ou contient des caractères non autorisés. Si vous l’avez copiée, vérifiez qu’elle est complète. Si vous avez suivi un lien, prévenez la personne qui l’a envoyé.
not-found = Page introuvable
    .p1 = L’adresse est peut-être mal saisie, ou la page a été déplacée.
closed = Cette adresse est fermée
    .p1 = Personne ne peut ouvrir cette adresse. Se reconnecter n’y change rien.
rule-unmet = Vous ne pouvez pas ouvrir cette adresse
    .p1 = Votre administrateur a réservé cette adresse à certains groupes ou réseaux. Si vous en avez besoin, demandez-lui l’accès. Se reconnecter n’y change rien.
unknown-host = Adresse incorrecte
    .p1 = Campaign n’utilise pas ce nom d’hôte. Vérifiez le début de l’adresse, jusqu’à la première barre oblique simple.
foreign-origin = Cette requête vient d’un autre site
    .p1 = Une page d’un autre site a tenté de modifier quelque chose ici en votre nom. Rien n’a été modifié. Si vous souhaitez cette modification, faites-la dans Campaign.
foreign-token = Cette requête appartient à une autre session
    .p1 = L’adresse ou le formulaire contient un jeton de session ou un identifiant qui n’appartient pas à votre session. Rien n’a été modifié. Rouvrez la page depuis le début.
no-console-password = Pas de mot de passe pour la console cliente
    .p1 = Votre administrateur a désactivé les mots de passe de console, ou Adobe n’a pas transmis d’adresse e-mail pour vous.
bad-envelope = Cet appel ne peut pas être traité
    .p1 = Votre programme a envoyé un message SOAP que ce site ne transmet pas.
head-too-large = Votre navigateur a envoyé trop de données
    .p1 = L’adresse ou les cookies de ce site sont trop longs. Supprimez les cookies de ce site, puis réessayez.
bad-framing = Cette requête ne peut pas être traitée
    .p1 = Votre programme a envoyé une requête dans un format que ce site ne transmet pas.
method = Cette requête n’est pas possible ici
    .p1 = Votre programme a envoyé un type de requête que ce site ne transmet pas.
store-unavailable = La connexion n’est pas disponible pour le moment
    .p1 = Nous ne pouvons pas retrouver votre session. Vous n’avez pas été déconnecté. { -wait }
restarting = Ce site redémarre
    .p1 = Il sera de retour dans un instant. { -wait }
maintenance = Campaign est en maintenance
    .p1 = Campaign ne peut pas être utilisé pendant que vos administrateurs y travaillent. Personne n’est déconnecté entre-temps.
maintenance-ends = La fin de la maintenance est prévue { $time }.
maintenance-form = Votre formulaire est enregistré
    .p1 = Campaign est en maintenance et n’a pas reçu votre formulaire. Il est enregistré pour vous.
    .p2 = Gardez cette page ouverte. Après la maintenance, réessayez : vous déciderez alors de l’envoyer ou non.
maintenance-form-lost = Votre formulaire n’a pas été envoyé
    .p1 = Campaign est en maintenance, et ce formulaire ne peut pas être enregistré pour vous. Revenez à la page précédente et copiez votre saisie. Envoyez-la de nouveau après la maintenance.
token-expired = Adobe ne répond pas
    .p1 = Adobe doit renouveler votre connexion, mais ne répond pas. Vous n’avez pas été déconnecté. { -wait }
too-many = Trop de requêtes
    .p1 = Ce site a atteint une limite, pour votre réseau ou pour tous. { -wait }
body-too-large = Votre envoi est trop volumineux
    .p1 = Ce site n’accepte pas les envois de cette taille. Rien n’a été enregistré.
body-incomplete = Votre envoi n’est pas arrivé
    .p1 = La connexion a été interrompue ou était trop lente. Revenez à la page précédente et recommencez l’envoi.
internal = Une erreur s’est produite
    .p1 = Le service de connexion a fait une erreur. Vous n’y êtes pour rien, et l’erreur a été journalisée. Réessayez dans une minute.

## Campaign does not respond or refuses

campaign-unavailable = Campaign ne répond pas
    .p1 = Le serveur Campaign est occupé ou redémarre. Vous êtes toujours connecté. { -wait }
public-page-unavailable = Cette page n’est pas disponible pour le moment
    .p1 = Le serveur est occupé ou redémarre. { -wait }
campaign-refused = Campaign n’a pas ouvert de session pour vous
    .p1 = Adobe vous a connecté et vos groupes donnent accès, mais Campaign a refusé d’ouvrir une session.
campaign-operator = Campaign ne vous connaît pas
    .p1 = Adobe vous a connecté et vos groupes donnent accès, mais Campaign n’a pas d’opérateur actif pour votre compte.
campaign-zone = Campaign n’autorise pas cette connexion
    .p1 = Adobe vous a connecté et vos groupes donnent accès, mais la zone de sécurité de votre réseau dans Campaign n’autorise pas la connexion.
campaign-address = Campaign n’accepte pas votre réseau
    .p1 = Adobe vous a connecté et vos groupes donnent accès, mais Campaign n’accepte pas votre adresse réseau, ou ne fait pas confiance à cette passerelle.
campaign-restarting = Campaign redémarre
    .p1 = Vous êtes connecté, mais Campaign ne peut pas encore ouvrir de session. Cela dure quelques minutes, en général une fois par jour. { -wait }
no-campaign-session = Campaign n’accepte pas votre session
    .p1 = Vous êtes connecté, mais Campaign n’a pas ouvert de session pour vous, ou l’a aussitôt fermée. Il redémarre peut-être. Réessayez dans une minute.
not-processed = Campaign avait fermé votre session
    .p1 = Vous avez maintenant une nouvelle session, mais votre saisie n’a pas été traitée.
    .p2 = Votre navigateur l’a peut-être conservée. Revenez à la page précédente et envoyez-la de nouveau.
stale-page = Cette page est trop ancienne
    .p1 = La page appartient à une session précédente ; Campaign n’a donc pas accepté votre saisie. Rien n’a été modifié.
    .p2 = Rouvrez la page, puis envoyez votre saisie.

## Problems with a sign-in

ims-unavailable = La connexion Adobe n’est pas disponible
    .p1 = Nous ne pouvons pas joindre le service de connexion d’Adobe pour le moment. Votre compte n’est pas en cause. { -wait } { -come-back }
sign-ins-busy = Beaucoup de personnes se connectent
    .p1 = Plus de personnes se connectent que ce site ne peut en servir à la fois. Votre compte n’est pas en cause. { -wait } { -come-back }
emergency = Se connecter à Campaign
    .p1 = Si vous pouvez vous connecter avec Adobe, faites-le. Tant que la connexion Adobe n’est pas disponible, les comptes autorisés par votre administrateur peuvent se connecter ici.
    .unavailable = La connexion Adobe n’est pas disponible pour le moment.
    .refused = L’identifiant ou le mot de passe n’a pas été accepté. Après quelques mots de passe erronés, un compte doit attendre dix minutes.
emergency-adobe = Se connecter avec Adobe
login-declined = Adobe ne vous a pas connecté
    .p1 = La connexion a été annulée, ou votre organisation ne permet pas à ce compte de se connecter.
    .p2 = Réessayez avec le compte Adobe que vous utilisez pour Campaign.
login-invalid = Nous n’avons pas pu vérifier votre connexion
    .p1 = La réponse d’Adobe n’a pas passé nos contrôles. Votre mot de passe et votre compte ne sont pas en cause.
    .p2 = Réessayez une fois.
login-cookie = Votre navigateur n’a pas conservé le cookie de connexion
    .p1 = Ce site dépose un cookie avant de vous envoyer chez Adobe. Votre navigateur ne l’a pas renvoyé.
    .p2 = Autorisez les cookies pour ce site. Terminez la connexion dans le même navigateur et le même type de fenêtre, normale ou privée.
login-loop = La connexion recommence sans cesse
    .p1 = Votre navigateur a fait plusieurs allers-retours chez Adobe sans être connecté ; nous avons donc arrêté.
    .p2 = Autorisez les cookies pour ce site, fermez ses autres onglets, puis reconnectez-vous.
login-clock = Les horloges ne concordent pas
    .p1 = L’heure de votre connexion s’écarte trop de l’heure de ce serveur.
    .p2 = Vous ne pouvez pas corriger cela vous-même. Un administrateur doit vérifier l’horloge du serveur.

## Problems with a form

form-of-another = Rien n’a été envoyé
    .p1 = Une autre personne était connectée quand ce formulaire a été rempli. Il n’a pas été envoyé en votre nom, et il est maintenant supprimé.
form-gone = Ce formulaire a déjà été envoyé ou a expiré
    .p1 = Un formulaire n’est envoyé qu’une fois et n’est conservé que pour une durée limitée. Il n’a pas été envoyé cette fois. { -look }
form-still-saved = Campaign ne répond pas
    .p1 = Le serveur Campaign est occupé ou redémarre. Votre formulaire n’a pas été envoyé et reste enregistré. { -wait }
form-unknown = Nous ne savons pas si Campaign a reçu votre formulaire
    .p1 = Campaign a fermé la connexion avant de répondre. Nous n’envoyons pas le formulaire de nouveau, pour qu’il n’arrive pas deux fois. { -look }
form-not-signed-in = Votre formulaire n’a pas été envoyé
    .p1 = Vous n’êtes pas connecté. { -copy }
form-other-origin = Votre formulaire n’a pas été envoyé
    .p1 = Vous n’êtes pas connecté, et le formulaire vient d’un autre site. { -copy }
form-too-large = Votre formulaire n’a pas été envoyé
    .p1 = Votre session était terminée. Le formulaire dépasse 1 Mo et ne peut pas être enregistré pour vous. { -copy }
form-unsupported = Votre formulaire n’a pas été envoyé
    .p1 = Votre session était terminée. Les formulaires de ce type ne peuvent pas être enregistrés pour vous. { -copy }
form-not-saved = Votre formulaire n’a pas été envoyé
    .p1 = Votre session était terminée. Le formulaire ne peut pas être enregistré pour vous pour le moment. { -copy }
