"""Other people's simulators and what plays a community in them; their libraries come with the extra `[hosts]`."""

from autonomy.hosts.check import check_host, check_steps
from autonomy.hosts.comparison import alone_and_behind, as_table, battery_intent
from autonomy.hosts.host import Capabilities, Host, LineFlows
from autonomy.hosts.play import Bare, HostStep, play
from autonomy.hosts.tally import Tally, tally
from autonomy.hosts.verdict import CHECKS, Finding, HostError, HostReport, Tolerance

__all__ = [
    "CHECKS",
    "Bare",
    "Capabilities",
    "Finding",
    "Host",
    "HostError",
    "HostReport",
    "HostStep",
    "LineFlows",
    "Tally",
    "Tolerance",
    "alone_and_behind",
    "as_table",
    "battery_intent",
    "check_host",
    "check_steps",
    "play",
    "tally",
]
