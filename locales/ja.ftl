### 利用者に表示するページ（日本語）。です・ます調。

## Layout

product = Campaign サインイン
title = { $headline } – { $product }
footer-reference = 参照番号：{ $reference }
footer-time = 時刻：{ $time }
administrator = Campaign 管理者
ask = 問題が続く場合は、下の参照番号を添えて { $contact } にお問い合わせください。

-wait = しばらく待ってから、もう一度お試しください。
-come-back = その後、開こうとしていたページに戻ります。
-copy = 前のページに戻って入力内容をコピーし、サインインしてからもう一度送信してください。
-look = もう一度入力する前に、入力内容が Campaign に登録されていないか確認してください。

## Times

date-time = { $year }年{ $month }月{ $day }日 { $time } UTC
just-now = たった今
soon = 1 分以内
minutes-ago = { $count } 分前
hours-ago = { $count } 時間前
days-ago = { $count } 日前
in-minutes = { $count } 分後
in-hours = { $count } 時間後
in-days = { $count } 日後

## Buttons

try-again = もう一度試す
open-campaign = Campaign を開く
sign-in = サインイン
sign-in-again = もう一度サインイン
other-account = 別のアカウントでサインイン
continue = 続ける
back-to-page = ページに戻る
your-sign-in = サインイン情報に戻る
sign-out = サインアウト
sign-out-everywhere = すべてサインアウト
stay = サインインしたままにする

## Signing out

confirm-sign-out = Campaign からサインアウトしますか？
    .p1 = { $person } としてサインインしています。
    .p2 = このブラウザーの Campaign セッションと Adobe セッションが終了します。Campaign で保存していない作業は失われることがあります。
signed-out = サインアウトしました
    .p1 = このブラウザーの Campaign セッションは終了しました。
    .p2 = ほかの人もこのコンピューターを使う場合は、ブラウザーも閉じてください。

## Your sign-in

me = サインイン情報
    .p1 = Adobe アカウントで Campaign にサインインしています。
me-name = 名前
me-email = メールアドレス
me-organization = 組織
me-groups = Campaign グループ
me-no-groups = なし
me-ends = セッションの終了
me-wrong = 情報が足りない、または間違っている場合は、{ $contact } にお問い合わせください。
me-sessions = サインイン中の場所
me-sessions-missing = 現在、セッションの一覧を表示できません。後でもう一度お試しください。
me-everywhere = 心当たりのないセッションがある場合は、すべてサインアウトしてください。一覧のセッションはすぐに終了します。保存していない作業は失われることがあります。
session-full = { $browser }（{ $system }）
session-browser = { $browser }
session-system = ブラウザー（{ $system }）
session-unknown = 不明なブラウザー
session-this = （このブラウザー）
session-times = サインイン：{ $created }、最終使用：{ $seen }

## Client console

console = クライアントコンソール
    .p1 = コンピューターのコンソールにはパスワードが必要です。ここで作成し、10 分以内にコンソールに入力してください。
console-create = コンソール用パスワードを作成
console-withdraw = コンソールをサインアウト
console-password = クライアントコンソールのパスワード
    .p1 = Adobe Campaign クライアントコンソールに次の情報を入力してください。パスワードはこのページに一度だけ表示されます。
    .p2 = コンソールのサインインは、ここでサインインしている間だけ有効です。ここでサインアウトすると、コンソールもサインアウトします。
login-name = ログイン名
password = パスワード
console-ends = 有効期限
console-ends-once = { $time }（1 回のサインインのみ有効）
console-done = 完了

## Saved forms

confirm-forms = 入力内容を送信しますか？
    .p1 =
        { $count ->
           *[other] セッションが終了していたか、Campaign がメンテナンス中だったため、Campaign はまだ { $count } 件のフォームを受け取っていません。現在は { $person } としてサインインしています。
        }
form-page = ページ
form-address = フォーム
form-sent = 送信
form-deleted = 削除予定
form-send = 今すぐ送信
form-discard = 送信しない

## No access

refused = Campaign へのアクセス権がありません
    .p1 = Adobe へのサインインは成功しましたが、この組織のグループの中に、この Campaign へのアクセス権を持つものがありません。
    .step1 = { $contact } に連絡して、Campaign へのアクセス権を持つグループへの追加を依頼してください。下の参照番号を添えてください。
    .step2 = Campaign 用の別の Adobe アカウントがある場合は、そのアカウントでサインインしてください。
refused-groups = Campaign グループが多すぎます
    .p1 = Adobe へのサインインは成功しましたが、このアカウントには { $count } 個の Campaign グループがあり、Campaign の上限を超えています。
    .step1 = { $contact } に連絡して、不要なグループからの削除を依頼してください。下の参照番号を添えてください。
    .step2 = その後、もう一度サインインしてください。
refused-organization = このアカウントはこの組織に属していません
    .p1 = Adobe へのサインインは成功しましたが、このアカウントはこの Campaign の組織に属していません。
    .step1 = Campaign 用の別の Adobe アカウントがある場合は、そのアカウントでサインインしてください。
    .step2 = ない場合は、{ $contact } に連絡して、この組織へのアカウントの追加を依頼してください。
refused-person = アカウント
refused-member = 組織
refused-required = 必要な組織
refused-steps = 次にできること

## Problems with a request

framed = セッションが終了しました
    .p1 = ページのこの部分を表示するには、もう一度サインインしてください。
bad-address = このアドレスは開けません
    .p1 = アドレスが壊れているか、使用できない文字が含まれています。コピーしたアドレスの場合は、全体がコピーされているか確認してください。リンクを開いた場合は、送信者に知らせてください。
not-found = ページが見つかりません
    .p1 = アドレスの入力が間違っているか、ページが移動した可能性があります。
closed = このアドレスは閉じられています
    .p1 = このアドレスは誰も開けません。もう一度サインインしても変わりません。
rule-unmet = このアドレスを開く権限がありません
    .p1 = 管理者がこのアドレスを特定のグループまたはネットワークに限定しています。必要な場合は、管理者にアクセスを依頼してください。もう一度サインインしても変わりません。
unknown-host = アドレスが違います
    .p1 = Campaign はこのホスト名を使用していません。アドレスの最初の部分（最初の単独のスラッシュまで）を確認してください。
foreign-origin = 別のサイトからの要求です
    .p1 = 別のサイトのページが、あなたの名前でここの内容を変更しようとしました。何も変更されていません。変更が必要な場合は、Campaign で行ってください。
foreign-token = 別のセッションの要求です
    .p1 = アドレスまたはフォームに、あなたのセッションのものではないセッショントークンまたはログインが含まれています。何も変更されていません。ページを最初から開き直してください。
no-console-password = クライアントコンソールのパスワードはありません
    .p1 = 管理者がコンソール用パスワードを無効にしているか、Adobe からメールアドレスが届いていません。
bad-envelope = この呼び出しは処理できません
    .p1 = お使いのプログラムが、このサイトでは転送できない SOAP メッセージを送信しました。
head-too-large = ブラウザーが送信したデータが多すぎます
    .p1 = アドレスまたはこのサイトの Cookie が長すぎます。このサイトの Cookie を削除してから、もう一度お試しください。
bad-framing = この要求は処理できません
    .p1 = お使いのプログラムが、このサイトでは転送できない形式の要求を送信しました。
method = この要求はここでは使用できません
    .p1 = お使いのプログラムが、このサイトでは転送できない種類の要求を送信しました。
store-unavailable = 現在、サインインを利用できません
    .p1 = セッションを確認できません。サインアウトはされていません。{ -wait }
restarting = このサイトは再起動中です
    .p1 = まもなく再開します。{ -wait }
maintenance = Campaign はメンテナンス中です
    .p1 = 管理者が作業している間、Campaign は利用できません。その間、サインアウトされることはありません。
maintenance-ends = メンテナンスの終了予定: { $time }
maintenance-form = フォームは保存されています
    .p1 = Campaign はメンテナンス中のため、フォームをまだ受け取っていません。フォームは保存されています。
    .p2 = このページを開いたままにしてください。メンテナンスの後にもう一度お試しください。そのときに、送信するかどうかを選べます。
maintenance-form-lost = フォームは送信されていません
    .p1 = Campaign はメンテナンス中で、このフォームは保存できません。前のページに戻って入力内容をコピーし、メンテナンスの後にもう一度送信してください。
token-expired = Adobe が応答していません
    .p1 = Adobe でサインインを更新する必要がありますが、応答がありません。サインアウトはされていません。{ -wait }
too-many = 要求が多すぎます
    .p1 = お使いのネットワーク、またはサイト全体で、上限に達しました。{ -wait }
body-too-large = アップロードが大きすぎます
    .p1 = このサイトでは、この大きさのアップロードを受け付けていません。何も保存されていません。
body-incomplete = アップロードが届きませんでした
    .p1 = 接続が切れたか、遅すぎました。前のページに戻って、もう一度送信してください。
internal = エラーが発生しました
    .p1 = サインインサービスでエラーが発生しました。あなたの操作が原因ではありません。エラーは記録されました。1 分ほど待ってから、もう一度お試しください。

## Campaign does not respond or refuses

campaign-unavailable = Campaign が応答していません
    .p1 = Campaign サーバーが混み合っているか、再起動中です。サインインは続いています。{ -wait }
public-page-unavailable = 現在、このページを表示できません
    .p1 = サーバーが混み合っているか、再起動中です。{ -wait }
campaign-refused = Campaign のセッションを開けませんでした
    .p1 = Adobe へのサインインとグループのアクセス権は確認できましたが、Campaign がセッションの開始を拒否しました。
campaign-operator = Campaign にあなたのオペレーターがありません
    .p1 = Adobe へのサインインとグループのアクセス権は確認できましたが、Campaign にこのアカウントの有効なオペレーターがありません。
campaign-zone = Campaign がこのサインインを許可していません
    .p1 = Adobe へのサインインとグループのアクセス権は確認できましたが、Campaign のセキュリティゾーンの設定により、お使いのネットワークからのサインインは許可されていません。
campaign-address = Campaign がお使いのネットワークを受け付けていません
    .p1 = Adobe へのサインインとグループのアクセス権は確認できましたが、Campaign がお使いのネットワークアドレスを受け付けていないか、このゲートウェイを信頼していません。
campaign-restarting = Campaign は再起動中です
    .p1 = サインインしていますが、Campaign はまだセッションを開けません。再起動は通常 1 日 1 回、数分で終わります。{ -wait }
no-campaign-session = Campaign がセッションを受け付けていません
    .p1 = サインインしていますが、Campaign のセッションが開かれなかったか、すぐに終了しました。再起動中の可能性があります。1 分ほど待ってから、もう一度お試しください。
not-processed = Campaign のセッションが終了していました
    .p1 = 新しいセッションを開きましたが、送信した内容は処理されていません。
    .p2 = 入力内容がブラウザーに残っている可能性があります。前のページに戻って、もう一度送信してください。
stale-page = このページは古くなっています
    .p1 = 以前のセッションのページのため、Campaign は送信した内容を受け付けませんでした。何も変更されていません。
    .p2 = ページを開き直してから、入力内容を送信してください。

## Problems with a sign-in

ims-unavailable = Adobe のサインインを利用できません
    .p1 = 現在、Adobe のサインインサービスに接続できません。お使いのアカウントに問題はありません。{ -wait }{ -come-back }
sign-ins-busy = サインインが混み合っています
    .p1 = このサイトが一度に処理できる数を超えるサインインがあります。お使いのアカウントに問題はありません。{ -wait }{ -come-back }
emergency = Campaign にサインイン
    .p1 = Adobe でサインインできる場合は、そちらを使用してください。Adobe のサインインが利用できない間は、管理者が登録したアカウントでここからサインインできます。
    .unavailable = 現在、Adobe のサインインは利用できません。
    .refused = ログイン名またはパスワードが受け付けられませんでした。間違ったパスワードが数回続くと、アカウントは 10 分間待つ必要があります。
emergency-adobe = Adobe でサインイン
login-declined = Adobe にサインインできませんでした
    .p1 = サインインがキャンセルされたか、組織がこのアカウントのサインインを許可していません。
    .p2 = Campaign で使用している Adobe アカウントで、もう一度お試しください。
login-invalid = サインインを確認できませんでした
    .p1 = Adobe からの応答を検証できませんでした。パスワードやアカウントが原因ではありません。
    .p2 = もう一度お試しください。
login-cookie = サインイン用の Cookie がブラウザーに保存されませんでした
    .p1 = このサイトは、Adobe に移動する前に Cookie を設定します。ブラウザーからその Cookie が送り返されませんでした。
    .p2 = このサイトの Cookie を許可してください。サインインは、同じブラウザーの同じ種類のウィンドウ（通常またはプライベート）で完了してください。
login-loop = サインインが繰り返されています
    .p1 = Adobe との間を何度も往復してもサインインできなかったため、停止しました。
    .p2 = このサイトの Cookie を許可し、このサイトのほかのタブを閉じてから、もう一度サインインしてください。
login-clock = 時計が合っていません
    .p1 = サインインの時刻と、このサーバーの時刻の差が大きすぎます。
    .p2 = この問題は利用者側では解決できません。管理者がサーバーの時計を確認する必要があります。

## Problems with a form

form-of-another = 何も送信されていません
    .p1 = このフォームは、別の人がサインインしているときに入力されました。あなたの名前では送信されず、すでに削除されています。
form-gone = このフォームは送信済みか、期限切れです
    .p1 = フォームは一度だけ送信され、一定の期間だけ保存されます。今回は送信されていません。{ -look }
form-still-saved = Campaign が応答していません
    .p1 = Campaign サーバーが混み合っているか、再起動中です。フォームは送信されておらず、まだ保存されています。{ -wait }
form-unknown = Campaign がフォームを受け取ったか確認できません
    .p1 = Campaign が応答する前に接続が切れました。二重に届かないように、フォームは再送信しません。{ -look }
form-not-signed-in = フォームは送信されていません
    .p1 = サインインしていません。{ -copy }
form-other-origin = フォームは送信されていません
    .p1 = サインインしておらず、フォームは別のサイトから送信されました。{ -copy }
form-too-large = フォームは送信されていません
    .p1 = セッションが終了していました。フォームが 1 MB を超えるため、保存できません。{ -copy }
form-unsupported = フォームは送信されていません
    .p1 = セッションが終了していました。この種類のフォームは保存できません。{ -copy }
form-not-saved = フォームは送信されていません
    .p1 = セッションが終了していました。現在、フォームを保存できません。{ -copy }
