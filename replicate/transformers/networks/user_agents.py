"""What browsers and other programs call themselves, to pick replacements from.

The picks depend on the place in the list: it is never edited once it has been released.
"""

from __future__ import annotations

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS = "Windows NT 10.0; Win64; x64"
_MAC = "Macintosh; Intel Mac OS X 10_15_7"
_MAC_FIREFOX = "Macintosh; Intel Mac OS X 10.15"
_LINUX = "X11; Linux x86_64"
_PHONE = "Linux; Android 10; K"

USER_AGENTS: tuple[str, ...] = (
    *(
        f"Mozilla/5.0 ({system}) {_WEBKIT} Chrome/{version}.0.0.0 Safari/537.36"
        for system in (_WINDOWS, _MAC, _LINUX)
        for version in (118, 120, 122, 124, 126, 128)
    ),
    *(
        f"Mozilla/5.0 ({_PHONE}) {_WEBKIT} Chrome/{version}.0.0.0 Mobile Safari/537.36"
        for version in (119, 121, 123, 125, 127)
    ),
    *(
        f"Mozilla/5.0 ({_WINDOWS}) {_WEBKIT} Chrome/{version}.0.0.0 Safari/537.36 "
        f"Edg/{version}.0.0.0"
        for version in (119, 121, 123, 125, 127)
    ),
    *(
        f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        for system in (_WINDOWS, _MAC_FIREFOX, _LINUX)
        for version in (115, 119, 123, 127, 130)
    ),
    *(
        f"Mozilla/5.0 ({_MAC}) {_APPLE} Version/{version} Safari/605.1.15"
        for version in ("16.5", "16.6", "17.2", "17.4", "17.6")
    ),
    *(
        f"Mozilla/5.0 ({device} OS {system} like Mac OS X) {_APPLE} Version/{version} "
        "Mobile/15E148 Safari/604.1"
        for device in ("iPhone; CPU iPhone", "iPad; CPU")
        for system, version in (
            ("15_8", "15.6"),
            ("16_6", "16.6"),
            ("17_2", "17.2"),
            ("17_5", "17.5"),
        )
    ),
    "curl/8.4.0",
    "Wget/1.21.4",
    "python-requests/2.31.0",
    "PostmanRuntime/7.36.1",
)
