"""What the commands do; `__main__` reads their options, `screen` shows what they find."""

import getpass
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from contracts.errors import BadInputError
from forecasting.baselines import BASELINES
from forecasting.bundle import CARD_FILE, NETWORK_FILE, ModelBundle
from forecasting.card import Kind, ModelCard, encoded_card
from forecasting.folder_store import write_whole
from forecasting.registry import ModelRegistry
from model_training.backtesting import Backtest, backtest
from model_training.climates import climate_folder
from model_training.design import Design
from model_training.designs import BEIJING, design_of
from model_training.gate import Verdict, judged
from model_training.golden import GOLDEN_FILE, arrays_of, require_agreement
from model_training.progress import METRICS_FILE, Metrics, Step, Tell
from model_training.protocols import BEIJING as BEIJING_PROTOCOL
from model_training.protocols import Protocol
from model_training.tables import Data, measures_in, read_data
from model_training.training import Prepared, baseline_model, prepared


def make_ready(folder: Path, measure: str, protocol: Protocol, *, also: Sequence[Path] = ()) -> Prepared:
    """The measure's data, split, with constants and baselines; and further cities to learn from."""
    design = the_design(folder, measure, protocol)
    covariates = design.features.covariates
    data = read_data(folder, measure, covariates=covariates, until_s=protocol.test_until_s)
    cities = [
        _city(climate_folder(each), measure, covariates, until_s=protocol.train_until_s) for each in also
    ]
    return prepared(data, protocol, design, also=cities)


def _city(folder: Path, measure: str, covariates: tuple[str, ...], *, until_s: int) -> Data:
    """A further city's data; of the covariates, what it has."""
    known = tuple(each for each in covariates if each in measures_in(folder))
    return read_data(folder, measure, covariates=known, until_s=until_s)


def the_design(folder: Path, measure: str, protocol: Protocol) -> Design:
    """The design for the data; Beijing's stations have one of their own."""
    if protocol == BEIJING_PROTOCOL:
        return BEIJING
    return design_of(measure, available=frozenset(measures_in(folder)))


def train(ready: Prepared, registry: ModelRegistry, *, seeds: tuple[int, ...], tell: Tell) -> ModelCard:
    """Train, export, check, and put the version into the registry.

    Raises KeyboardInterrupt where it was stopped before anything was learnt.
    """
    from model_training.fitting import prepare_tensorflow  # noqa: PLC0415 - TensorFlow takes seconds to import
    from model_training.learning import trained_model  # noqa: PLC0415
    from model_training.packaging import packed  # noqa: PLC0415

    steps: list[Step] = []

    def noted(step: Step) -> None:
        steps.append(step)
        tell(step)

    prepare_tensorflow()
    card, network = trained_model(ready, seeds=seeds, tell=noted, now_s=int(time.time()))
    registry.add(card, packed(ready, card, network, steps))
    return card


def add_baseline(ready: Prepared, registry: ModelRegistry, name: Kind) -> ModelCard:
    """Register a baseline as a model."""
    card = baseline_model(ready, name, now_s=int(time.time())).card
    if card.version not in registry.versions(card.measure):
        registry.add(card, {CARD_FILE: encoded_card(card)})
    return card


def backtested(
    ready: Prepared, registry: ModelRegistry, versions: list[str], *, with_lightgbm: bool = False
) -> Backtest:
    """The back-test of versions beside the baselines; `champion` stands for the champion's version."""
    models = bundles(registry, ready.data.table.measure, versions)
    if not with_lightgbm:
        return backtest(ready, models)
    from model_training.lightgbm_peer import fitted_peer  # noqa: PLC0415 - of the people's extra alone

    return backtest(ready, models, peers={"lightgbm": fitted_peer(ready)})


def bundles(registry: ModelRegistry, measure: str, versions: list[str]) -> Mapping[str, ModelBundle]:
    """The models of the versions, the champion's files checked against its pointer."""
    found: dict[str, ModelBundle] = {}
    for version in versions:
        if version == "champion":
            champion = registry.load_champion(measure)
            if champion is None:
                raise BadInputError(
                    "no_champion", f"{measure} has no champion in {registry.place}; promote one"
                )
            found[champion.card.version] = champion
        else:
            found[version] = registry.model(measure, version)
    return found


def promote(ready: Prepared, registry: ModelRegistry, version: str, *, by: str | None = None) -> Verdict:
    """Make a version champion if the gate lets it; without any champion yet, the blend if it does not."""
    measure = ready.data.table.measure
    challenger = registry.model(measure, version)
    pointer = registry.champion(measure)
    champion = None if pointer is None or pointer.method in BASELINES else registry.load(measure, pointer)
    models = {version: challenger} | ({champion.card.version: champion} if champion else {})
    verdict = _verdict(ready, registry, challenger, backtest(ready, models), champion)
    if verdict.is_accepted:
        _point(registry, measure, version, by, f"beats the {'champion' if champion else 'best baseline'}")
    elif pointer is None:
        blend = add_baseline(ready, registry, "blend")
        _point(registry, measure, blend.version, by, f"{version} was refused: {'; '.join(verdict.reasons)}")
    return verdict


def _verdict(
    ready: Prepared,
    registry: ModelRegistry,
    challenger: ModelBundle,
    test: Backtest,
    champion: ModelBundle | None,
) -> Verdict:
    version, measure = challenger.card.version, test.measure
    if champion is not None and champion.card.version == version:
        raise BadInputError("is_champion", f"{version} is the champion of {measure} already")
    verdict = judged(
        test, challenger, ready, name=version, champion=champion.card.version if champion else None
    )
    if challenger.network is not None:
        verdict = verdict.also(export_problems(registry, measure, version))
    return verdict


def export_problems(registry: ModelRegistry, measure: str, version: str) -> list[str]:
    """What is wrong with a version's exported network, by its golden batch."""
    try:
        network, golden = (registry.file(measure, version, name) for name in (NETWORK_FILE, GOLDEN_FILE))
        require_agreement(network, arrays_of(golden))
    except BadInputError as error:
        return [str(error)]
    return []


def rollback(registry: ModelRegistry, measure: str, *, by: str | None = None) -> str:
    """Point back to the champion before; its version. Raises BadInputError where there was none."""
    now = registry.champion(measure)
    before = [each for each in registry.history(measure) if now is None or each.version != now.version]
    if now is None or not before:
        raise BadInputError("no_champion_before", f"{measure} has had no other champion in {registry.place}")
    _point(registry, measure, before[-1].version, by, f"rolled back from {now.version}")
    return before[-1].version


def _point(registry: ModelRegistry, measure: str, version: str, by: str | None, reason: str) -> None:
    """Move the pointer; the files are hashed as they are now, and loaded once before anyone else does."""
    pointer = registry.pointer_to(
        measure, version, at_s=int(time.time()), by=by or getpass.getuser(), reason=reason
    )
    registry.load(measure, pointer)
    registry.point(measure, pointer)


def export(registry: ModelRegistry, measure: str, version: str, target: ModelRegistry) -> list[str]:
    """Copy what serving needs of a version into another registry, as its champion; what it is now there.

    Raises BadInputError where the exported network does not give the golden answers.
    """
    card = registry.card(measure, version)
    names = [CARD_FILE]
    if card.kind not in BASELINES:
        if problems := export_problems(registry, measure, version):
            raise BadInputError("bad_export", "; ".join(problems))
        names += [NETWORK_FILE, GOLDEN_FILE]
    if version not in target.versions(measure):
        target.add(card, {name: registry.file(measure, version, name) for name in names})
    pointer = registry.champion(measure)
    is_champion = pointer is not None and pointer.version == version
    reason = pointer.reason if pointer is not None and is_champion else "exported, not proven"
    _point(target, measure, version, None, reason)
    return [f"{target.place}/{measure}/{version}/{name}" for name in names]


def compared(ready: Prepared, registry: ModelRegistry, one: str, other: str) -> tuple[Backtest, str, str]:
    """The back-test of two, and their names in it; each a version, `champion` or a baseline."""
    measure = ready.data.table.measure
    versions = [each for each in (one, other) if each not in BASELINES]
    models = bundles(registry, measure, versions)
    names = (
        {"champion": next(iter(bundles(registry, measure, ["champion"])))} if "champion" in versions else {}
    )
    return backtest(ready, models), names.get(one, one), names.get(other, other)


def card_of(registry: ModelRegistry, measure: str, version: str) -> ModelCard:
    """A version's card, or the champion's."""
    return next(iter(bundles(registry, measure, [version]).values())).card


def write_report(ready: Prepared, registry: ModelRegistry, versions: list[str], out: Path) -> None:
    """The page of the models, with the training curves that lie beside them."""
    from model_training.report import page  # noqa: PLC0415 - plotting takes a second to import

    models = bundles(registry, ready.data.table.measure, versions)
    curves = {version: curve_of(registry, ready.data.table.measure, version) for version in models}
    write_whole(out, page(ready, backtest(ready, models), models, curves).encode())


def curve_of(registry: ModelRegistry, measure: str, version: str) -> list[Step]:
    """The validations on the way of a version's training; none of a baseline, or where they were left out."""
    body = registry.files(measure, version).get(METRICS_FILE)
    return [] if body is None else msgspec.json.decode(body, type=Metrics).training
