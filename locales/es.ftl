### Las páginas que ven las personas, en español. Tratamiento: usted.

## Layout

product = Acceso a Campaign
title = { $headline } – { $product }
footer-reference = Referencia: { $reference }
footer-time = Hora: { $time }
administrator = su equipo de administración de Campaign
ask = Si el problema continúa, contacte con { $contact } e indique la referencia que aparece abajo.

-wait = Espere un momento y vuelva a intentarlo.
-come-back = Después volverá a la página que quería abrir.
-copy = Vuelva a la página anterior y copie lo que escribió. Luego inicie sesión y envíelo de nuevo.
-look = Compruebe en Campaign si sus datos ya están allí antes de introducirlos de nuevo.

## Times

date-time =
    { $day } de { $month ->
        [1] enero
        [2] febrero
        [3] marzo
        [4] abril
        [5] mayo
        [6] junio
        [7] julio
        [8] agosto
        [9] septiembre
        [10] octubre
        [11] noviembre
       *[12] diciembre
    } de { $year }, { $time } UTC
just-now = hace un momento
soon = en menos de un minuto
minutes-ago =
    { $count ->
        [one] hace { $count } minuto
       *[other] hace { $count } minutos
    }
hours-ago =
    { $count ->
        [one] hace { $count } hora
       *[other] hace { $count } horas
    }
days-ago =
    { $count ->
        [one] hace { $count } día
       *[other] hace { $count } días
    }
in-minutes =
    { $count ->
        [one] en { $count } minuto
       *[other] en { $count } minutos
    }
in-hours =
    { $count ->
        [one] en { $count } hora
       *[other] en { $count } horas
    }
in-days =
    { $count ->
        [one] en { $count } día
       *[other] en { $count } días
    }

## Buttons

try-again = Reintentar
open-campaign = Abrir Campaign
sign-in = Iniciar sesión
sign-in-again = Iniciar sesión de nuevo
other-account = Iniciar sesión con otra cuenta
continue = Continuar
back-to-page = Volver a la página
your-sign-in = Volver a su sesión
sign-out = Cerrar sesión
sign-out-everywhere = Cerrar todas las sesiones
stay = Mantener la sesión

## Signing out

confirm-sign-out = ¿Cerrar la sesión de Campaign?
    .p1 = Ha iniciado sesión como { $person }.
    .p2 = Se cerrarán su sesión de Campaign y su sesión de Adobe en este navegador. El trabajo sin guardar en Campaign puede perderse.
signed-out = Ha cerrado la sesión
    .p1 = Su sesión de Campaign en este navegador ha terminado.
    .p2 = Si otras personas usan este equipo, cierre también el navegador.

## Your sign-in

me = Su sesión
    .p1 = Ha iniciado sesión en Campaign con su cuenta de Adobe.
me-name = Nombre
me-email = Correo electrónico
me-organization = Organización
me-groups = Grupos de Campaign
me-no-groups = Ninguno
me-ends = La sesión termina
me-wrong = ¿Falta algo o hay algún error? Contacte con { $contact }.
me-sessions = Dónde ha iniciado sesión
me-sessions-missing = La lista de sus sesiones no está disponible en este momento. Vuelva a intentarlo más tarde.
me-everywhere = ¿Alguna de ellas no es suya? Cierre todas las sesiones: terminarán de inmediato. El trabajo sin guardar puede perderse.
session-full = { $browser } en { $system }
session-browser = { $browser }
session-system = Navegador en { $system }
session-unknown = Navegador desconocido
session-this = (este navegador)
session-times = Inicio de sesión: { $created }; último uso: { $seen }

## Client console

console = Consola del cliente
    .p1 = La consola de su equipo necesita una contraseña. Cree una aquí y escríbala en la consola en los próximos diez minutos.
console-create = Crear una contraseña
console-withdraw = Cerrar la sesión de la consola
console-password = Su contraseña para la consola del cliente
    .p1 = Escriba estos datos en la consola del cliente de Adobe Campaign. Esta página muestra la contraseña una sola vez.
    .p2 = La consola mantiene la sesión mientras usted la mantenga aquí. Si cierra la sesión aquí, también se cierra la de la consola.
login-name = Usuario
password = Contraseña
console-ends = Caduca
console-ends-once = { $time }, válida para un solo inicio de sesión
console-done = Listo

## Saved forms

confirm-forms = ¿Enviar lo que escribió?
    .p1 =
        { $count ->
            [one] Campaign aún no ha recibido este formulario: su sesión había terminado o Campaign estaba en mantenimiento. Ha iniciado sesión como { $person }.
           *[other] Campaign aún no ha recibido estos formularios: su sesión había terminado o Campaign estaba en mantenimiento. Ha iniciado sesión como { $person }.
        }
form-page = Página
form-address = Formulario
form-sent = Enviado
form-deleted = Se eliminará
form-send = Enviar ahora
form-discard = No enviar

## No access

refused = No tiene acceso a Campaign
    .p1 = Inició sesión en Adobe correctamente, pero ninguno de sus grupos en esta organización da acceso a este Campaign.
    .step1 = Contacte con { $contact } para que se le añada a un grupo con acceso a Campaign. Indique la referencia que aparece abajo.
    .step2 = Si tiene otra cuenta de Adobe para Campaign, inicie sesión con esa cuenta.
refused-groups = Su cuenta tiene demasiados grupos de Campaign
    .p1 = Inició sesión en Adobe correctamente, pero su cuenta tiene { $count } grupos de Campaign. Son más de los que Campaign acepta.
    .step1 = Contacte con { $contact } para que se le retire de los grupos que no necesita. Indique la referencia que aparece abajo.
    .step2 = Después, inicie sesión de nuevo.
refused-organization = Su cuenta no pertenece a esta organización
    .p1 = Inició sesión en Adobe correctamente, pero esta cuenta no pertenece a la organización de este Campaign.
    .step1 = Si tiene otra cuenta de Adobe para Campaign, inicie sesión con esa cuenta.
    .step2 = Si no, contacte con { $contact } para que se añada su cuenta a esta organización.
refused-person = Cuenta
refused-member = Organización
refused-required = Organización necesaria
refused-steps = Qué puede hacer

## Problems with a request

framed = Su sesión ha terminado
    .p1 = Inicie sesión de nuevo para ver esta parte de la página.
bad-address = No se puede abrir esta dirección
    .p1 = La dirección está dañada o contiene caracteres no permitidos. Si la copió, compruebe que esté completa. Si siguió un enlace, avise a quien lo envió.
not-found = Página no encontrada
    .p1 = Es posible que la dirección esté mal escrita o que la página se haya movido.
closed = Esta dirección está cerrada
    .p1 = Nadie puede abrir esta dirección. Iniciar sesión de nuevo no lo cambia.
rule-unmet = No puede abrir esta dirección
    .p1 = La administración ha limitado esta dirección a ciertos grupos o redes. Si la necesita, solicite acceso. Iniciar sesión de nuevo no lo cambia.
unknown-host = Dirección incorrecta
    .p1 = Campaign no usa este nombre de host. Compruebe la primera parte de la dirección, hasta la primera barra simple.
foreign-origin = Esta solicitud procede de otro sitio
    .p1 = Una página de otro sitio intentó cambiar algo aquí en su nombre. No se cambió nada. Si desea este cambio, hágalo en Campaign.
foreign-token = Esta solicitud pertenece a otra sesión
    .p1 = La dirección o el formulario contiene un token de sesión o un usuario que no pertenece a su sesión. No se cambió nada. Abra la página de nuevo desde el principio.
no-console-password = No hay contraseña para la consola del cliente
    .p1 = La administración ha desactivado las contraseñas de consola, o Adobe no envió una dirección de correo para usted.
bad-envelope = Esta llamada no se puede procesar
    .p1 = Su programa envió un mensaje SOAP que este sitio no reenvía.
head-too-large = Su navegador envió demasiados datos
    .p1 = La dirección o las cookies de este sitio son demasiado largas. Elimine las cookies de este sitio y vuelva a intentarlo.
bad-framing = Esta solicitud no se puede procesar
    .p1 = Su programa envió una solicitud en un formato que este sitio no reenvía.
method = Esta solicitud no es posible aquí
    .p1 = Su programa envió un tipo de solicitud que este sitio no reenvía.
store-unavailable = El inicio de sesión no está disponible en este momento
    .p1 = No podemos consultar su sesión. No se ha cerrado. { -wait }
restarting = Este sitio se está reiniciando
    .p1 = Volverá en un momento. { -wait }
maintenance = Campaign está en mantenimiento
    .p1 = Campaign no se puede usar mientras sus administradores trabajan en él. Mientras tanto no se cierra la sesión de nadie.
maintenance-ends = Se espera que el mantenimiento termine { $time }.
maintenance-form = Su formulario está guardado
    .p1 = Campaign está en mantenimiento y no ha recibido su formulario. Está guardado para usted.
    .p2 = Deje esta página abierta. Después del mantenimiento, inténtelo de nuevo: entonces decidirá si se envía.
maintenance-form-lost = Su formulario no se envió
    .p1 = Campaign está en mantenimiento y este formulario no se puede guardar. Vuelva a la página anterior y copie lo que escribió. Envíelo de nuevo después del mantenimiento.
token-expired = Adobe no responde
    .p1 = Adobe debe renovar su sesión, pero no responde. Su sesión no se ha cerrado. { -wait }
too-many = Demasiadas solicitudes
    .p1 = Este sitio ha alcanzado un límite, para su red o en total. { -wait }
body-too-large = El envío es demasiado grande
    .p1 = Este sitio no acepta envíos de este tamaño. No se guardó nada.
body-incomplete = El envío no llegó
    .p1 = La conexión se interrumpió o fue demasiado lenta. Vuelva a la página anterior y envíelo de nuevo.
internal = Se ha producido un error
    .p1 = El servicio de inicio de sesión cometió un error. No es culpa suya y ha quedado registrado. Vuelva a intentarlo en un minuto.

## Campaign does not respond or refuses

campaign-unavailable = Campaign no responde
    .p1 = El servidor de Campaign está ocupado o se está reiniciando. Su sesión sigue abierta. { -wait }
public-page-unavailable = Esta página no está disponible en este momento
    .p1 = El servidor está ocupado o se está reiniciando. { -wait }
campaign-refused = Campaign no abrió una sesión para usted
    .p1 = Adobe aceptó su inicio de sesión y sus grupos dan acceso, pero Campaign se negó a abrir una sesión.
campaign-operator = Campaign no le conoce
    .p1 = Adobe aceptó su inicio de sesión y sus grupos dan acceso, pero Campaign no tiene un operador activo para su cuenta.
campaign-zone = Campaign no permite este inicio de sesión
    .p1 = Adobe aceptó su inicio de sesión y sus grupos dan acceso, pero la zona de seguridad de su red en Campaign no permite el acceso.
campaign-address = Campaign no acepta su red
    .p1 = Adobe aceptó su inicio de sesión y sus grupos dan acceso, pero Campaign no acepta su dirección de red o no confía en esta puerta de enlace.
campaign-restarting = Campaign se está reiniciando
    .p1 = Ha iniciado sesión, pero Campaign aún no puede abrir una sesión. Tarda unos minutos, normalmente una vez al día. { -wait }
no-campaign-session = Campaign no acepta su sesión
    .p1 = Ha iniciado sesión, pero Campaign no abrió una sesión para usted o la cerró de inmediato. Es posible que se esté reiniciando. Vuelva a intentarlo en un minuto.
not-processed = Campaign había cerrado su sesión
    .p1 = Ahora tiene una sesión nueva, pero lo que envió no se procesó.
    .p2 = Es posible que su navegador conserve lo que escribió. Vuelva a la página anterior y envíelo de nuevo.
stale-page = Esta página es demasiado antigua
    .p1 = La página pertenece a una sesión anterior; por eso Campaign no aceptó lo que envió. No se cambió nada.
    .p2 = Abra la página de nuevo y envíe después sus datos.

## Problems with a sign-in

ims-unavailable = El inicio de sesión de Adobe no está disponible
    .p1 = No podemos conectar con el servicio de inicio de sesión de Adobe en este momento. Su cuenta está bien. { -wait } { -come-back }
sign-ins-busy = Muchas personas están iniciando sesión
    .p1 = Están iniciando sesión más personas de las que este sitio puede atender a la vez. Su cuenta está bien. { -wait } { -come-back }
emergency = Iniciar sesión en Campaign
    .p1 = Si puede iniciar sesión con Adobe, hágalo. Mientras el inicio de sesión de Adobe no esté disponible, aquí pueden iniciar sesión las cuentas que su administrador haya autorizado.
    .unavailable = El inicio de sesión de Adobe no está disponible en este momento.
    .refused = No se aceptó el usuario o la contraseña. Después de varias contraseñas incorrectas, una cuenta debe esperar diez minutos.
emergency-adobe = Iniciar sesión con Adobe
login-declined = Adobe no inició su sesión
    .p1 = El inicio de sesión se canceló, o su organización no permite que esta cuenta inicie sesión.
    .p2 = Vuelva a intentarlo con la cuenta de Adobe que usa para Campaign.
login-invalid = No pudimos verificar su inicio de sesión
    .p1 = La respuesta de Adobe no superó nuestras comprobaciones. Su contraseña y su cuenta no son la causa.
    .p2 = Vuelva a intentarlo una vez.
login-cookie = Su navegador no conservó la cookie de inicio de sesión
    .p1 = Este sitio guarda una cookie antes de enviarle a Adobe. Su navegador no la devolvió.
    .p2 = Permita las cookies de este sitio. Termine el inicio de sesión en el mismo navegador y en el mismo tipo de ventana, normal o privada.
login-loop = El inicio de sesión vuelve a empezar una y otra vez
    .p1 = Su navegador fue a Adobe y volvió varias veces sin iniciar sesión, así que nos detuvimos.
    .p2 = Permita las cookies de este sitio, cierre sus otras pestañas e inicie sesión de nuevo.
login-clock = Los relojes no coinciden
    .p1 = La hora de su inicio de sesión difiere demasiado de la hora de este servidor.
    .p2 = Usted no puede resolverlo. Un administrador debe revisar el reloj del servidor.

## Problems with a form

form-of-another = No se envió nada
    .p1 = Otra persona tenía la sesión abierta cuando se rellenó este formulario. No se envió en su nombre y ya se ha eliminado.
form-gone = Este formulario ya se envió o ha caducado
    .p1 = Un formulario se envía una sola vez y se conserva por tiempo limitado. Ahora no se envió. { -look }
form-still-saved = Campaign no responde
    .p1 = El servidor de Campaign está ocupado o se está reiniciando. Su formulario no se envió y sigue guardado. { -wait }
form-unknown = No sabemos si Campaign recibió su formulario
    .p1 = Campaign cerró la conexión antes de responder. No enviamos el formulario otra vez, para que no llegue dos veces. { -look }
form-not-signed-in = Su formulario no se envió
    .p1 = No ha iniciado sesión. { -copy }
form-other-origin = Su formulario no se envió
    .p1 = No ha iniciado sesión, y el formulario procede de otro sitio. { -copy }
form-too-large = Su formulario no se envió
    .p1 = Su sesión había terminado. El formulario supera 1 MB y no se puede guardar. { -copy }
form-unsupported = Su formulario no se envió
    .p1 = Su sesión había terminado. Los formularios de este tipo no se pueden guardar. { -copy }
form-not-saved = Su formulario no se envió
    .p1 = Su sesión había terminado. El formulario no se puede guardar en este momento. { -copy }
