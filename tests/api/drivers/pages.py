"""A browser that signs in and consents: it follows forms and carries cookies, and knows no more."""

import html
import re

import httpx

_FORM = re.compile(r'<form method="post" action="([^"]+)">(.*?)</form>', re.S)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def authorize(url: str, *, username: str, password: str) -> httpx.Response:
    """Open the address that an app gives, sign in, agree. The last answer: a page, or the way back."""
    with httpx.Client() as browser:
        page = browser.get(url, follow_redirects=True)
        signed_in = _submit(browser, page, "/auth/sign_in", username=username, password=password)
        if not signed_in.is_redirect:
            return signed_in
        consent = browser.get(signed_in.url.join(signed_in.headers["location"]), follow_redirects=True)
        return _submit(browser, consent, "/oauth/authorize", decision="allow")


def code_shown(page: httpx.Response) -> str:
    """The code on the page for apps without an address."""
    found = re.search(r"<code[^>]*>([^<]+)</code>", page.text)
    assert found, page.text
    return found.group(1)


def _submit(browser: httpx.Client, page: httpx.Response, action: str, **typed: str) -> httpx.Response:
    fields = {
        name: html.unescape(value)
        for target, form in _FORM.findall(page.text)
        if target == action
        for name, value in _HIDDEN.findall(form)
    }
    assert fields, page.text
    return browser.post(page.url.join(action), data={**fields, **typed})
