"""The methods that locate by received power."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training_core.contract.jobs import Report
from training_core.radio.baselines import StrongestReceiver
from training_core.radio.bounds import power_bound_m2, rms_m
from training_core.radio.grid_estimator import GridEstimator, fit_temperatures
from training_core.radio.method_answer import (
    Learned,
    MethodAnswer,
    Prediction,
    calibration_folds,
    gaussian_temperature,
)
from training_core.radio.method_inputs import PowerInputs
from training_core.radio.neighbors import WeightedNearestNeighbors
from training_core.radio.path_loss_fit import PathLossFit, fit_path_loss
from training_core.radio.path_loss_map import path_loss_log_likelihood
from training_core.radio.posterior_map import CELLS, PlaceGrid, PosteriorMap, place_grid
from training_core.radio.radio_map import RadioMap
from training_core.radio.receiver_floors import ReceiverFloors, receiver_floors
from training_core.radio.trees import TREES, ExtraTrees

_FOLD_TREES = 60
_CELLS_A_ROW = 8
_FEWEST_CELLS = 400

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class PowerMethods:
    """Each method, learned from the training rows and asked about the test rows."""

    power: PowerInputs
    target_m: Float64Array
    train: IndexArray
    test: IndexArray
    report: Report

    def floors(self, rows: IndexArray) -> ReceiverFloors:
        """What silence is, learned from some rows."""
        return receiver_floors(self.power.rssi_dbm[rows])

    def strongest_receiver(self) -> MethodAnswer:
        """Where the receiver stands that hears loudest."""
        heard = self.floors(self.train).heard(self.power.rssi_dbm)
        estimator = StrongestReceiver(
            heard[self.train], self.target_m[self.train], self.power.receiver_m
        )
        return MethodAnswer(estimator.predict(heard[self.test]))

    def weighted_neighbors(self) -> MethodAnswer:
        """The most alike training sessions."""
        count = self.neighbors

        def learn(rows: IndexArray) -> Learned:
            estimator = self._neighbors(rows, count)
            return lambda asked: self._of_neighbors(estimator, asked)

        return self._gaussian(learn)

    @cached_property
    def neighbors(self) -> int:
        """How many of them, chosen once for all training rows."""
        return self._neighbors(self.train, None).neighbors

    def extra_trees(self) -> MethodAnswer:
        """Randomized trees; fewer of them while their spread is calibrated."""

        def learn(rows: IndexArray, trees: int = _FOLD_TREES) -> Learned:
            floor = self.floors(rows).audible_dbm
            rssi = self.power.rssi_dbm
            part = "all training sessions" if trees == TREES else "calibration"
            model = ExtraTrees(
                rssi[rows],
                self.target_m[rows],
                floor,
                trees,
                lambda done, total: self.report(f"extra trees, {part}", done, total),
            )
            return lambda asked: model.predict(rssi[asked])

        return self._gaussian(learn, learn_all=lambda rows: learn(rows, TREES))

    def path_loss(self) -> MethodAnswer:
        """The log-distance law's posterior."""
        return self._mapped(self._path_loss_learned)

    def radio_map(self) -> MethodAnswer:
        """The posterior of Gaussian-process maps."""
        return self._mapped(self._radio_map_learned)

    def bound_m(self) -> Float64Array:
        """Root of the least mean squared error under the log-distance law, (test rows,)."""
        floors = self.floors(self.train)
        running = np.isfinite(floors.with_silence(self.power.rssi_dbm[self.test]))
        return rms_m(
            power_bound_m2(
                self._law(self.train, floors),
                floors.audible_dbm,
                self.power.receiver_m,
                running,
                self.target_m[self.test],
            )
        )

    def _law(self, rows: IndexArray, floors: ReceiverFloors) -> PathLossFit:
        return fit_path_loss(
            floors.with_silence(self.power.rssi_dbm[rows]),
            floors.audible_dbm,
            self.target_m[rows],
            self.power.receiver_m,
        )

    def _neighbors(self, rows: IndexArray, count: int | None) -> WeightedNearestNeighbors:
        return WeightedNearestNeighbors(
            self.power.rssi_dbm[rows], self.target_m[rows], self.floors(rows).audible_dbm, count
        )

    def _of_neighbors(self, estimator: WeightedNearestNeighbors, rows: IndexArray) -> Prediction:
        rssi = self.power.rssi_dbm[rows]
        return estimator.predict(rssi), estimator.spread_m2(rssi)

    def _gaussian(
        self,
        learn: Callable[[IndexArray], Learned],
        learn_all: Callable[[IndexArray], Learned] | None = None,
    ) -> MethodAnswer:
        temperature = gaussian_temperature(learn, self.target_m, self.train)
        mean, covariance = (learn_all or learn)(self.train)(self.test)
        return MethodAnswer(mean, covariance * temperature)

    def _mapped(
        self,
        learn: Callable[[IndexArray, str], GridEstimator],
    ) -> MethodAnswer:
        folds: list[tuple[PosteriorMap, Float64Array]] = []
        for number, (taught, held_out) in enumerate(calibration_folds(self.target_m, self.train)):
            estimator = learn(taught, f"calibration {number + 1}")
            folds.append((estimator.posterior(held_out), self.target_m[held_out]))
        raw = learn(self.train, "all training sessions")
        region, position = fit_temperatures(folds) if folds else (1.0, 1.0)
        estimator = GridEstimator(raw.grid, raw.log_likelihood, region, position)
        mean, covariance = estimator.predict(self.test)
        return MethodAnswer(mean, covariance, lambda target: estimator.judged(self.test, target))

    def _grid(self, rows: IndexArray) -> PlaceGrid:
        cells = int(np.clip(_CELLS_A_ROW * len(rows), _FEWEST_CELLS, CELLS))
        return place_grid(self.target_m[rows], cells)

    def _path_loss_learned(self, rows: IndexArray, part: str) -> GridEstimator:
        self.report(f"path loss, {part}", 0, None)
        floors, grid = self.floors(rows), self._grid(rows)
        law = self._law(rows, floors)

        def likelihood(asked: IndexArray) -> Float32Array:
            rssi = floors.with_silence(self.power.rssi_dbm[asked])
            return path_loss_log_likelihood(
                law, floors.audible_dbm, self.power.receiver_m, rssi, grid
            )

        return GridEstimator(grid, likelihood)

    def _radio_map_learned(self, rows: IndexArray, part: str) -> GridEstimator:
        grid = self._grid(rows)
        learned = RadioMap(
            self.power.rssi_dbm[rows],
            self.target_m[rows],
            self.power.receiver_m,
            self.floors(rows),
            grid,
            report=lambda done, total: self.report(f"radio map, {part}", done, total),
        )
        return GridEstimator(grid, lambda asked: learned.log_likelihood(self.power.rssi_dbm[asked]))
