"""Who may ask the service: keys, local addresses, and how often."""

from __future__ import annotations

import re
import stat

import pytest

from autonomy.errors import ConfigError
from autonomy.service.bucket import Bucket
from autonomy.service.keys import Keyring, make_keys, read_keys
from autonomy.service.settings import Settings
from autonomy.service.stations import keyring
from tests.serving import SEEN, serving, station

pytest.importorskip("fastapi")


KEYS = {"pair": "k" * 20, "twin": "l" * 20}


def test_each_key_opens_its_own_community(tmp_path):
    stations = [station(tmp_path, name) for name in KEYS]
    with serving(stations, KEYS) as place:
        for name, key in KEYS.items():
            told = place.step(SEEN, Authorization=f"Bearer {key}").told
            assert (told["community"], told["step"]) == (name, 0)
            text = place.ask("GET", "/metrics", headers={"Authorization": f"bearer {key}"}).body.decode()
            assert set(re.findall(r'community="(\w+)"', text)) == {name}
        for path in ("/decision", "/community", "/metrics"):
            assert place.ask("GET", path).status == 401
        assert place.ask("GET", "/health").status == 200
        refused = place.step(SEEN)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        statuses = [place.step(SEEN, Authorization="Bearer wrong").status for _ in range(12)]
        assert statuses[0] == 401
        assert statuses[-1] == 429, "an address may try ten wrong keys at once"


def test_keys_are_compared_by_digest_all_of_them_and_in_constant_time(monkeypatch):
    from autonomy.service import keys  # noqa: PLC0415 - patched below

    compared = []
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or a == b)
    assert Keyring(KEYS).name_of("k" * 20) == "pair"
    assert compared == [(32, 32), (32, 32)]
    assert Keyring(KEYS).name_of("é\ud800") is None


def test_keys_are_made_once_for_their_owner_alone_where_others_can_reach_the_service(tmp_path):
    everywhere = Settings(host="0.0.0.0")  # noqa: S104 - never listened on
    made, path = keyring(["pair"], settings=everywhere, folder=tmp_path / "new", file=None)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = re.findall(r'pair = "(.+)"', path.read_text())[0]
    assert len(key) >= 40
    again, _ = keyring(["pair"], settings=everywhere, folder=tmp_path / "new", file=None)
    assert made.name_of(key) == again.name_of(key) == "pair"
    local, nothing = keyring(["pair"], settings=Settings(), folder=tmp_path / "local", file=None)
    assert not local
    assert nothing is None
    assert keyring(["pair", "twin"], settings=Settings(), folder=tmp_path / "two", file=None)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[keys]\npair = 'short'", "keys.pair"),
        ("[keys]\n", "keys.pair"),
        ("pair = 3", "[keys]"),
        ("[keys", "no file of keys"),
        (f"[keys]\npair = '{'k' * 20}'\ntwin = '{'k' * 20}'", "the same key"),
    ],
)
def test_a_wrong_file_of_keys_is_refused_and_no_key_is_repeated(tmp_path, text, words):
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        read_keys(path, ["pair", "twin"])
    assert "short" not in str(caught.value).replace("shorter", "")
    assert "kkkk" not in str(caught.value)


def test_a_file_of_keys_is_never_overwritten(tmp_path):
    make_keys(tmp_path / "keys.toml", ["pair"])
    with pytest.raises(FileExistsError):
        make_keys(tmp_path / "keys.toml", ["pair"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_is_local(host):
    assert Settings(host=host).is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])  # noqa: S104
def test_nothing_else_is_local(host):
    assert not Settings(host=host).is_local


def test_steps_that_come_too_fast_are_refused(tmp_path):
    with serving([station(tmp_path)], steps_per_s=3.0) as place:
        statuses = [place.step(SEEN).status for _ in range(8)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses
        assert place.ask("GET", "/community").status == 200


def test_a_bucket_gives_its_rate_and_no_more_than_a_burst():
    now = [0.0]
    bucket = Bucket(10.0, lambda: now[0])
    taken = [bucket.take() == 0.0 for _ in range(20)]
    assert taken == [True] * 10 + [False] * 10
    now[0] = 0.25
    assert [bucket.take() == 0.0 for _ in range(4)] == [True, True, False, False]
    assert bucket.wait() == pytest.approx(0.05)
    now[0] = 1e6
    assert sum(bucket.take() == 0.0 for _ in range(100)) == 10
