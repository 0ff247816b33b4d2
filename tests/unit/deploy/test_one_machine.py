"""The systemd units and the crontab line are well-formed and run the plan."""

import re
import shlex
import shutil
import subprocess

import pytest
from typer.main import get_command

from colorworker.cli.app import app
from colorworker.settings import Settings
from tests.unit.deploy.schemas import DEPLOY
from tests.unit.deploy.tools import lint

SERVICE = (DEPLOY / "systemd" / "colorworker.service").read_text()
TIMER = (DEPLOY / "systemd" / "colorworker.timer").read_text()
CRONTAB = (DEPLOY / "cron" / "colorworker").read_text()
(LINE,) = [line for line in CRONTAB.splitlines() if re.match(r"[\d*]", line)]
COMMAND = LINE.split(maxsplit=6)[6]
PROGRAM = "/opt/colorworker/.venv/bin/colorworker"
PLAN = "/etc/colorworker/plan.toml"


def verify(folder, service=SERVICE, timer=TIMER):
    """Return systemd's messages about the units; skips the test if there is no systemd."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    (folder / "colorworker.service").write_text(service.replace(PROGRAM, "/bin/true"))
    (folder / "colorworker.timer").write_text(timer)
    done = subprocess.run(
        [analyze, "verify", folder / "colorworker.service", folder / "colorworker.timer"],
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def options(words):
    """Return the parsed parameters of `colorworker WORDS`."""
    name, *arguments = words
    command = get_command(app).commands[name]
    return command.make_context(name, arguments).params


def test_systemd_accepts_the_units(tmp_path):
    assert verify(tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("NoNewPrivileges=", "NoNewPriviliges="),
        ("Type=oneshot", "Type=onceshot"),
        ("TimeoutStopSec=150", "TimeoutStopSec=150 parsecs"),
        ("OnCalendar=*-*-* 02:30:00", "OnCalendar=nightly"),
    ],
)
def test_systemd_catches_a_mistake(tmp_path, right, wrong):
    assert right in SERVICE + TIMER

    assert verify(tmp_path, SERVICE.replace(right, wrong), TIMER.replace(right, wrong))


def test_the_service_runs_a_valid_command_and_has_time_to_stop():
    values = dict(re.findall(r"^(\w+)=(.*)$", SERVICE, re.MULTILINE))
    variables = dict(re.findall(r"^Environment=(\w+)=(.*)$", SERVICE, re.MULTILINE))
    program, *words = shlex.split(values["ExecStart"])

    assert program == PROGRAM
    assert str(options(words)["plan_file"]) == PLAN
    stop = int(variables["COLORWORKER_RUN__STOP_SECONDS"])
    assert stop + 15 <= int(values["TimeoutStopSec"])
    # A oneshot counts as starting until it ends, and a timer does not start it again meanwhile.
    assert values["Type"] == "oneshot"
    assert values["TimeoutStartSec"] == "infinity"


def test_every_setting_in_the_service_and_crontab_exists():
    for name in re.findall(r"COLORWORKER_(\w+)=", SERVICE + CRONTAB):
        group, field = name.lower().split("__")
        assert hasattr(getattr(Settings(), group), field)


def test_the_service_and_crontab_contain_no_secret():
    assert "LoadCredential=aws-credentials:/etc/colorworker/aws-credentials" in SERVICE
    assert not re.findall("SECRET|TOKEN|ACCESS_KEY", SERVICE + TIMER + CRONTAB)


def test_the_crontab_line_has_the_format_of_etc_cron_d():
    *times, user, command = LINE.split(maxsplit=6)

    assert times == ["30", "2", "*", "*", "*"]
    assert user == "colorworker"
    # cron reads % as a line break.
    assert "%" not in command
    assert CRONTAB.endswith("\n")
    program, *words = shlex.split(command)
    assert program == PROGRAM
    assert str(options(words)["plan_file"]) == PLAN


def test_shellcheck_passes_the_crontab_line_and_catches_a_mistake():
    assert lint("shellcheck", "--shell=sh", "-", text=COMMAND + "\n") == (0, "")

    unquoted = COMMAND.replace("/etc/colorworker/plan.toml", "$HOME/plan.toml")
    code, said = lint("shellcheck", "--shell=sh", "-", text=unquoted + "\n")

    assert code == 1
    assert "SC2086" in said


def test_the_slurm_script_passes_shellcheck_and_needs_sbatch():
    script = DEPLOY / "slurm" / "colorworker.sbatch"

    assert lint("shellcheck", script) == (0, "")
    done = subprocess.run(
        ["bash", script, "in", "out"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )

    assert done.returncode == 1
    assert "COLORWORKER_HOME: set it to a clone" in done.stderr
