"""Signs in at the first gateway through the simulator's form, unless the file of cookies has a session; then uses it at each gateway.

Usage: sign_in.py COOKIES GATEWAY…
"""

import html
import http.cookiejar
import json
import os
import re
import ssl
import sys
import urllib.parse
import urllib.request


def main(file, gateways):
    jar = http.cookiejar.LWPCookieJar(file)
    if os.path.exists(file):
        jar.load(ignore_discard=True)
    # The certificate is made for this run.
    tls = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), tls)
    opener.addheaders = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")]
    page = opener.open(gateways[0] + "/view/home")
    text = page.read().decode()
    if not page.url.startswith(gateways[0]):
        action = re.search(r'<form[^>]*action="([^"]*)"', text)
        fields = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', text))
        fields = {name: html.unescape(value) for name, value in fields.items()} | {"username": "alice"}
        where = urllib.parse.urljoin(page.url, html.unescape(action.group(1)))
        page = opener.open(where, urllib.parse.urlencode(fields).encode())
    assert page.status == 200 and page.url == gateways[0] + "/view/home", (page.status, page.url)
    for gateway in gateways:
        request = urllib.request.Request(gateway + "/ims/me", headers={"Accept": "application/json"})
        who = json.load(opener.open(request))
        assert who["email"] == "alice@example.com", who
        print(gateway, who["email"], who["groups"])
    jar.save(ignore_discard=True)


main(sys.argv[1], sys.argv[2:])
