"""Protects R6, I7: every setting is checked, a typo is an error, a secret shows itself nowhere."""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.errors import BadInput
from bowline.core.model.policy import Limits
from bowline.settings import FIELDS, OF_VENUES, RISK_PRESETS, Secret, load_settings

CANARY = "hunter2-canary-Zq8"
DATABASE = f"postgresql://trader:{CANARY}@db.example/bowline"
STORE = f"clickhouse://trader:{CANARY}@db.example/market"
REPO = Path(__file__).resolve().parent.parent
REFERENCE = REPO / "docs" / "reference" / "settings.md"
SRC = REPO / "src" / "bowline"


def problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        load_settings({f"BOWLINE_{k}": v for k, v in variables.items()})
    assert caught.value.hint
    return caught.value.problems


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_without_any_variable_there_are_usable_settings() -> None:
    found = load_settings({"PATH": "/bin"})
    assert found.home.is_absolute()
    assert found.slippage_pct == Decimal("0.01")
    assert found.limits == Limits()
    assert found.secrets == frozenset()


def test_every_setting_can_be_given_in_every_way(tmp_path: Path) -> None:
    """R6: the variable, *_FILE, *_B64 and SECRETS_FILE, each alone, give the same settings."""
    values = {
        "home": str(tmp_path), "candles": STORE, "database": DATABASE,
        "bus": "redis://:b-s3cret@bus.example:6379/1", "tape": str(tmp_path / "tape"),
        "indicators": str(tmp_path / "i.yaml"),
        "strategies": str(tmp_path / "s"), "fee_pct": "0.04", "slippage_pct": "0.5",
        "risk_preset": "balanced", "daily_loss_pct": "1.5", "cooldown_candles": "7",
        "max_lost_pct": "2.5", "grid_max_variants": "1000", "grid_max_mib": "64",
        "log_level": "debug", "log_format": "json",
        "log_file": str(tmp_path / "log"),
        "venues_url": "http://127.0.0.1:8080",
    }  # fmt: skip
    for venue in ("binance", "bybit", "bitget", "bingx", "gate", "okx", "htx", "mexc"):
        values |= {f"{venue}_{word}": f"{venue}-{word}" for word in ("key", "secret", "password")}
        values[f"{venue}_url"] = "testnet"
    assert values.keys() == {field.name for field in FIELDS}
    names = {f"BOWLINE_{name.upper()}": text for name, text in values.items()}
    for name, text in names.items():
        (tmp_path / name).write_text(text + "\n")
    secrets = tmp_path / "secrets"
    secrets.write_text("# kept apart\n\n" + "".join(f"{k} = {v}\n" for k, v in names.items()))
    ways = [
        names,
        {f"{name}_FILE": str(tmp_path / name) for name in names},
        {f"{name}_B64": encoded(text) for name, text in names.items()},
        {"BOWLINE_SECRETS_FILE": str(secrets)},
    ]
    found = [load_settings(way) for way in ways]
    assert found[0].limits == Limits(daily_loss_pct=Decimal("1.5"), cooldown_candles=7)
    assert all(each == found[0] for each in found)


SOURCES = ["plain", "file", "b64", "secrets"]


@given(given_by=st.sets(st.sampled_from(SOURCES), min_size=1))
def test_the_first_source_wins(
    given_by: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Precedence is one fixed order: variable, file, base64, secrets file."""
    environ = sources(
        "FEE_PCT", dict(zip(SOURCES, "1234", strict=True)), given_by, tmp_path_factory
    )
    expected = "1234"[min(SOURCES.index(each) for each in given_by)]
    assert load_settings(environ).fee_pct == Decimal(expected)


@given(given_by=st.sets(st.sampled_from(SOURCES), min_size=2))
def test_a_secret_given_twice_is_an_error(
    given_by: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """I7: even if both are equal, and without saying either."""
    environ = sources("CANDLES", dict.fromkeys(SOURCES, STORE), given_by, tmp_path_factory)
    with pytest.raises(BadInput) as caught:
        load_settings(environ)
    (problem,) = caught.value.problems
    assert "more than once" in problem
    assert CANARY not in problem


def sources(
    name: str, texts: dict[str, str], given_by: set[str], folders: pytest.TempPathFactory
) -> dict[str, str]:
    folder = folders.mktemp("sources")
    (folder / "value").write_text(texts["file"])
    (folder / "secrets").write_text(f"BOWLINE_{name}={texts['secrets']}")
    every = {
        "plain": (f"BOWLINE_{name}", texts["plain"]),
        "file": (f"BOWLINE_{name}_FILE", str(folder / "value")),
        "b64": (f"BOWLINE_{name}_B64", encoded(texts["b64"])),
        "secrets": ("BOWLINE_SECRETS_FILE", str(folder / "secrets")),
    }
    return dict(every[source] for source in given_by)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_line_ends_after_a_value_do_not_count(tmp_path: Path, ending: str) -> None:
    """I7: base64 with a newline inside and after, a file as an editor leaves it."""
    file = tmp_path / "store"
    file.write_bytes((STORE + ending).encode())
    wrapped = base64.encodebytes((STORE + ending).encode()).decode()
    for environ in ({"BOWLINE_CANDLES_FILE": str(file)}, {"BOWLINE_CANDLES_B64": wrapped}):
        assert load_settings(environ).candles == Secret(STORE)


def test_a_typo_is_an_error_that_names_the_closest_setting() -> None:
    assert problems(SLIPAGE_PCT="1") == (
        "BOWLINE_SLIPAGE_PCT is not a setting: did you mean BOWLINE_SLIPPAGE_PCT?",
    )
    assert "did you mean BOWLINE_CANDLES_FILE?" in problems(CANDLE_FILE="x")[0]


BAD = [
    ("HOME", ""),
    ("HOME", "~nobody-of-this-name/x"),
    ("CANDLES", "redis://host"),
    ("CANDLES", "clickhouse://"),
    ("CANDLES", "clickhouse://host:99999999"),
    ("FEE_PCT", "5.01"),
    ("FEE_PCT", "NaN"),
    ("SLIPPAGE_PCT", "-0.01"),
    ("SLIPPAGE_PCT", "5.000001"),
    ("SLIPPAGE_PCT", "Infinity"),
    ("SLIPPAGE_PCT", "a lot"),
    ("RISK_PRESET", "yolo"),
    ("DAILY_LOSS_PCT", "101"),
    ("COOLDOWN_CANDLES", "-1"),
    ("COOLDOWN_CANDLES", "1.5"),
    ("COOLDOWN_CANDLES", "٣"),
    ("MAX_LOST_PCT", "-1"),
    ("MAX_LOST_PCT", "101"),
    ("GRID_MAX_VARIANTS", "0"),
    ("GRID_MAX_VARIANTS", "1000000001"),
    ("GRID_MAX_MIB", "2 GiB"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(name: str, text: str) -> None:
    """I2: no bound can be passed, and nothing falls back to a default."""
    (problem,) = problems(**{name: text})
    assert problem.startswith(f"BOWLINE_{name} is ")
    assert next(field.allowed for field in FIELDS if field.name == name.lower()) in problem


def test_the_bounds_themselves_are_allowed() -> None:
    found = load_settings({"BOWLINE_SLIPPAGE_PCT": "5", "BOWLINE_FEE_PCT": "0"})
    assert (found.slippage_pct, found.fee_pct) == (Decimal(5), Decimal(0))


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    found = problems(
        LOG_LEVEL="loud", FEE_PCT="9", RUBBISH="1", HOME_FILE=str(tmp_path / "absent"),
        INDICATORS_B64="%%%",
    )  # fmt: skip
    assert len(found) == 5


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    """S8: neither the value of a secret nor a line of the secrets file is ever said."""
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{CANARY}\n{CANARY}==\nBOWLINE_CANDLES={CANARY}\nBOWLINE_CANDLES=x\n")
    binary = tmp_path / "binary"
    binary.write_bytes(CANARY.encode() + b"\xff")
    for variables in (
        {"SECRETS_FILE": str(secrets)},
        {"CANDLES": CANARY},
        {"CANDLES_B64": encoded(CANARY)},
        {"CANDLES_B64": encoded(CANARY) + "%"},
        {"CANDLES_FILE": str(binary)},
    ):
        shown = "\n".join(problems(**variables))
        assert shown
        assert CANARY not in shown
        assert encoded(CANARY) not in shown


def test_settings_never_show_a_secret_by_themselves() -> None:
    found = load_settings({"BOWLINE_CANDLES": STORE})
    assert found.candles is not None
    assert CANARY not in f"{found} {found!r} {found.candles}"
    assert found.candles.reveal() == STORE
    assert found.secrets == {STORE, CANARY}


def test_a_secrets_file_that_is_wrong_says_where(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("BOWLINE_HOME=/x\nhello\nBOWLINE_HOME=/y\nBOWLINE_HOMME=/z\n")
    found = problems(SECRETS_FILE=str(secrets))
    assert [line.partition(":")[0] for line in found] == [
        "BOWLINE_SECRETS_FILE, line 2", "BOWLINE_SECRETS_FILE, line 3", "BOWLINE_SECRETS_FILE",
    ]  # fmt: skip


def test_a_preset_grows_bolder_and_none_is_off() -> None:
    """The order of the names is a promise: each step allows more loss and cools down less."""
    assert RISK_PRESETS["none"] == Limits()
    ladder = [RISK_PRESETS[name] for name in ("conservative", "balanced", "aggressive")]
    losses = [limits.daily_loss_pct for limits in ladder]
    cooldowns = [limits.cooldown_candles for limits in ladder]
    assert losses == sorted(set(losses))
    assert cooldowns == sorted(set(cooldowns), reverse=True)
    assert load_settings({"BOWLINE_RISK_PRESET": "Balanced"}).limits == RISK_PRESETS["balanced"]


def test_one_number_can_be_set_beside_a_preset() -> None:
    found = load_settings({"BOWLINE_RISK_PRESET": "balanced", "BOWLINE_DAILY_LOSS_PCT": "0"})
    assert found.limits.daily_loss_pct == 0
    assert found.limits.cooldown_candles == RISK_PRESETS["balanced"].cooldown_candles


def test_the_reference_page_has_every_setting_with_what_it_may_be() -> None:
    text = REFERENCE.read_text()
    for field in FIELDS:
        venue, _, word = field.variable.removeprefix("BOWLINE_").rpartition("_")
        general = f"BOWLINE_<VENUE>_{word}" if field.name in OF_VENUES else field.variable
        assert f"`{general}`" in text, venue
        assert field.allowed in text
    for name, limits in RISK_PRESETS.items():
        assert f"| {name} | {limits.daily_loss_pct} | {limits.cooldown_candles} |" in text


def test_no_setting_is_dead() -> None:
    """A setting that nothing reads is a promise nobody keeps."""
    source = "".join(path.read_text() for path in [SRC / "wire.py", *SRC.glob("cli/*.py")])
    read = set(re.findall(r"(?:settings|own|load_settings\(\))\.(\w+)", source))
    through_limits = {"risk_preset", "daily_loss_pct", "cooldown_candles"}
    assert "limits" in read
    assert {field.name for field in FIELDS} - OF_VENUES - read == through_limits
    assert "of_venues" in read


def test_a_database_is_a_postgresql_address_and_nothing_else() -> None:
    found = load_settings({"BOWLINE_DATABASE": DATABASE.replace("postgresql", "postgres")})
    assert found.database == Secret(DATABASE)
    assert CANARY in found.secrets
    for wrong in ("mysql://h/d", "postgresql://h", "postgresql:///d", "sqlite:///f", "h/d"):
        (problem,) = problems(DATABASE=wrong)
        assert "expected postgresql://" in problem
        assert wrong not in problem
