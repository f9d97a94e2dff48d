"""The cost of a login: redirect to the provider, code exchange, verification of the `id_token`, new session, cookie.

Browsers are already signed in at the provider, so that it has little to do. For the proxy, each login is that of a new browser.
"""

import http.client
import itertools
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from .load import BadAnswers
from .login import AS_A_BROWSER
from .process import LOAD_CORE, cpu_us

AT_ONCE = 8
# Logins of one person before the next person signs in: fewer than imsgate's `max_per_user`, because beyond it a login also ends an old
# session.
EACH = 16
PATH = "/view/1k"
HEADERS = dict(AS_A_BROWSER)


def people(logins, rounds):
    """The number of people, when no person signs in to a proxy in two rounds."""
    return (rounds + 1) * (-(-logins // EACH) + AT_ONCE)


class Logins:
    """Signs in to proxies. Returns µs of processor time per login, and the provider's requests per login."""

    def __init__(self, world):
        self.world, self.names = world, {}

    def measure(self, proxy, count):
        names = self.names.setdefault(proxy.name, itertools.count())
        browsers = [Browser(proxy, self.world.values["IMS"], names) for _ in range(AT_ONCE)]
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {int(LOAD_CORE)})
        try:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                list(threads.map(Browser.login, browsers))  # connects, and the provider knows them from here on
                self.world.asked()
                begun, used = time.monotonic(), cpu_us(proxy.pid)
                turns = iter(range(count))
                list(threads.map(lambda browser: browser.take_turns(turns), browsers))
                used, took = cpu_us(proxy.pid) - used, time.monotonic() - begun
                asked = self.world.asked()
                list(threads.map(Browser.is_signed_in, browsers))
        finally:
            os.sched_setaffinity(0, before)
        return used / count, count / took, {what: times / count for what, times in asked.items() if OF_PROXIES.search(what)}

    def rounds(self, proxies, count, rounds, figures):
        """Measures each proxy in turn. Returns each proxy's requests to the provider per login."""
        questions = {}
        for number in range(rounds):
            for proxy in proxies[number % len(proxies) :] + proxies[: number % len(proxies)]:
                cost, rate, questions[proxy.name] = self.measure(proxy, count)
                figures.add("login", proxy.name, cost, rate)
                print(f"round {number + 1}: login      {proxy.name:16} {cost:8.1f} µs {rate:8.0f}/s", file=sys.stderr)
        return questions


class Browser:
    """One persistent connection to the proxy and one to the provider. Cookies of the proxy are used for one login."""

    def __init__(self, proxy, provider, names):
        tls = ssl._create_unverified_context()
        here, there = (urllib.parse.urlsplit(url).netloc for url in (proxy.url, provider))
        self.connections = {here: http.client.HTTPSConnection(here, timeout=30, context=tls)}
        self.connections[there] = http.client.HTTPConnection(there, timeout=30)
        self.here, self.there, self.names = here, there, names
        self.cookies = {here: {}, there: {}}
        self.done = 0

    def take_turns(self, turns):
        while True:
            with LOCK:
                if next(turns, None) is None:
                    return
            self.login()

    def login(self):
        """From the page without a session to the response that sets one: two requests to the proxy, and those that the provider needs."""
        self.cookies[self.here] = {}
        if self.done % EACH == 0:
            with LOCK:
                self.person, self.cookies[self.there] = f"person{next(self.names)}", {}
        self.done += 1
        url, asked = f"https://{self.here}{PATH}", 0
        while asked < 2:
            status, location, body = self.get(url)
            asked += urllib.parse.urlsplit(url).netloc == self.here
            if status == 200 and self.there in url:  # the provider's form
                status, location, body = self.get(url, urllib.parse.urlencode({"username": self.person}))
            if status not in (302, 303) or not location:
                raise BadAnswers(f"no login: {status} {url}\n{body[:500]!r}")
            url = urllib.parse.urljoin(url, location)
        if url != f"https://{self.here}{PATH}":
            raise BadAnswers(f"the login ended at {url}")

    def is_signed_in(self):
        status, _, body = self.get(f"https://{self.here}{PATH}")
        if status != 200 or len(body) != 1024:
            raise BadAnswers(f"no session after a login: {status} {body[:500]!r}")

    def get(self, url, form=None):
        """One request, a POST if there is a form. Stores the cookies."""
        parts = urllib.parse.urlsplit(url)
        connection, cookies = self.connections[parts.netloc], self.cookies[parts.netloc]
        headers = HEADERS | ({"Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())} if cookies else {})
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if form is None else "POST", path, form, headers)
        answer = connection.getresponse()
        body = answer.read()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, value = line.split(";", 1)[0].split("=", 1)
            if OVER.search(line):
                cookies.pop(name, None)
            else:
                cookies[name] = value
        return answer.status, answer.headers["Location"], body


LOCK = threading.Lock()
OVER = re.compile(r"; *(max-age=0\b|expires=[^;]*1970)", re.IGNORECASE)
# What the browser itself asks: the authorization page and the form.
OF_PROXIES = re.compile(r"^(?!.*/(authorize|sign-in)/)")
