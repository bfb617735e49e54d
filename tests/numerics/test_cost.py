"""The cost model: small is exact, large is estimated, and in between the seconds decide."""

import math
from time import sleep

import pytest
import torch

from numerics import HessianOperator, Mlp, SquaredError
from numerics.curvature import cost, dense_products
from numerics.curvature.cost import MEMORY, PREMIUM, SMALL, DenseCost, Speeds, choose, measured_speeds
from numerics.curvature.linear_operator import Counted, MatrixOperator


class _Scaled:
    """2 times the identity, without a matrix."""

    def __init__(self, size: int, device: str = "cpu", dtype: torch.dtype = torch.float64) -> None:
        self.size, self.dtype, self.device = size, dtype, torch.device(device)

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        return 2 * vectors


def _speeds(**changes: float) -> Speeds:
    return Speeds(**{"product": 1e-3, "dense": 1.0, "eigenvalues": 1.0, "orthogonalisation": 0.0, **changes})  # type: ignore[arg-type]


def test_small_is_exact_without_a_single_product() -> None:
    counted = Counted(_Scaled(SMALL))
    choice = choose(counted, products_if_estimated=1)
    assert (choice.method, choice.products, counted.products) == ("exact", 0, 0)
    assert math.isnan(choice.seconds_exact)
    assert choice.reason == "exact: 512 parameters are few"


def test_what_does_not_fit_is_estimated_without_a_single_product() -> None:
    size = math.isqrt(MEMORY // 24) + 1
    counted = Counted(_Scaled(size))
    choice = choose(counted, products_if_estimated=10**9)
    assert (choice.method, counted.products) == ("estimated", 0)
    assert choice.reason == (
        f"estimated: three matrices of {size} x {size} numbers take 2.15 GB, more than the 2.15 GB that are allowed"
    )
    assert choose(_Scaled(size, dtype=torch.float32), products_if_estimated=10**9, speeds=_speeds()).method == "exact"
    assert choose(_Scaled(600), products_if_estimated=1, memory=24 * 600**2 - 1).method == "estimated"


def test_the_seconds_decide_in_between_and_being_exact_is_worth_a_premium() -> None:
    for products in (10, 999, 1000, 1001, 1500, 2000, 2500, 10**6):
        choice = choose(_Scaled(1000), products_if_estimated=products, speeds=_speeds())
        assert choice.seconds_exact == 2.0
        assert choice.seconds_estimated == pytest.approx(products * 1e-3, rel=1e-12)
        assert (choice.method == "exact") == (PREMIUM * choice.seconds_estimated >= 2.0)
        dearer = choice.method == "exact" and choice.seconds_estimated < 2.0
        assert choice.reason.endswith("; what has no error may take up to 2 times as long") == dearer
        assert choice.reason.startswith(choice.method)


def test_keeping_a_large_basis_orthogonal_costs_and_a_basis_has_at_most_size_vectors() -> None:
    speeds = _speeds(orthogonalisation=1e-9)
    short, long, longest = (
        choose(_Scaled(1000), products_if_estimated=100, basis=basis, speeds=speeds).seconds_estimated
        for basis in (10, 1000, 5000)
    )
    assert short == pytest.approx(0.1 + 100 * 2 * 1e-9 * 10 * 1000, rel=1e-12)
    assert long == longest == pytest.approx(0.1 + 100 * 2 * 1e-9 * 1000 * 1000, rel=1e-12)
    assert choose(_Scaled(1000), products_if_estimated=100, speeds=speeds).seconds_estimated == pytest.approx(
        0.1 + 100 * 2 * 1e-9 * 100 * 1000, rel=1e-12
    )


def test_measuring_takes_a_few_products_and_says_how_many(device: str) -> None:
    counted = Counted(_Scaled(600, device))
    choice = choose(counted, products_if_estimated=100)
    assert choice.products == counted.products <= 7
    assert 0 < choice.seconds_exact < math.inf
    assert 0 < choice.seconds_estimated < math.inf


def test_an_operator_that_is_slow_is_measured_once_after_its_first_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_PATIENCE", 0.0)
    counted = Counted(_Scaled(600))
    speeds = measured_speeds(counted)
    assert counted.products == speeds.products == 2
    assert speeds.dense == 600 * speeds.product


def test_what_a_first_product_builds_is_not_counted_as_its_speed() -> None:
    class Recorded(_Scaled):
        recorded = False

        def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
            if not self.recorded:
                sleep(0.15)
            self.recorded = True
            return super().__matmul__(vectors)

    assert measured_speeds(Recorded(600)).product < 0.1


def test_a_matrix_is_dense_already_and_an_operator_may_say_what_its_dense_form_takes() -> None:
    matrix = torch.eye(600, dtype=torch.float64)
    operator = _Scaled(600)
    operator.dense_cost = lambda: DenseCost(3.0, 1e9)  # type: ignore[attr-defined]
    for wrapped in (MatrixOperator(matrix), Counted(matrix), Counted(Counted(matrix))):
        assert measured_speeds(wrapped).dense == 0.0
    machine = cost._machine("cpu", torch.float64, torch.get_num_threads())
    assert measured_speeds(operator).dense == 3.0 + 1e9 * machine.multiplication


def test_ranks_reckon_with_the_slowest_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or one would be exact while the other waits for its products."""

    ranks = torch.distributed.ProcessGroup(0, 2)

    def slowest(tensor: torch.Tensor, op: object, group: object) -> None:
        assert (op, group) == (cost.ReduceOp.MAX, ranks)
        tensor.clamp_(min=7.0)

    monkeypatch.setattr(cost, "all_reduce", slowest)
    monkeypatch.setattr(cost, "get_backend", lambda group: "gloo")
    operator = _Scaled(600)
    operator.group = ranks  # type: ignore[attr-defined]
    counted = Counted(operator)
    speeds = measured_speeds(counted)
    assert (speeds.product, speeds.dense, counted.products) == (7.0, 4200.0, 2)


def test_a_hessian_says_what_its_assembly_takes() -> None:
    x, y = torch.ones(5, 2), torch.zeros(5, 1)
    network = Mlp((2, 3, 1), "tanh")
    theta = network.init([0], dtype=torch.float32)
    hessian = HessianOperator(network, SquaredError(), (x, y), theta=theta)
    assert hessian.dense_cost() == DenseCost(0.0, 2.0 * 5 * 9**2)
    assert hessian.restricted("0.*").dense_cost() == DenseCost(0.0, 2.0 * 5 * 9**2)  # cut out of the whole
    by_rows = HessianOperator(network, torch.nn.functional.mse_loss, (x, y), theta=theta)
    assert by_rows.dense_cost().seconds > 0
    assert by_rows.dense_cost() is by_rows.dense_cost()  # measured once
    assert by_rows.dense_cost().multiplications == 0
    factorised = by_rows.with_part("gauss_newton").dense_cost()
    assert (factorised.seconds > 0, factorised.multiplications) == (True, 5 * 1 * 9**2 / 2)
    assert by_rows.products == 0


def test_the_matrix_of_a_module_costs_the_rows_that_do_not_vanish_once_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a machine on which all that is measured takes a second."""
    monkeypatch.setattr(dense_products, "seconds_of", lambda work, device, repeats: 1.0)
    monkeypatch.setattr(dense_products, "_ROWS", 1)
    first, second = 3.0 * 5 + 5, 5.0 * 2 + 2
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)).double()
    x, y = torch.rand(40, 3, generator=torch.Generator().manual_seed(0)).double(), torch.arange(40) % 2
    hessian = HessianOperator(module, torch.nn.functional.cross_entropy, (x, y))
    assert hessian.dense_cost() == DenseCost(first + second, 0.0)
    assert hessian.with_part("residual").dense_cost() == DenseCost(first, 0.0)  # linear in the second
    factors = 40 / 16  # a second for 16 examples
    assert hessian.with_part("gauss_newton").dense_cost() == DenseCost(factors, 40 * 2 * hessian.size**2 / 2)
    by_tens = HessianOperator(module, torch.nn.functional.cross_entropy, (x, y), chunk=10)
    assert by_tens.dense_cost() == DenseCost(4 * (first + second), 0.0)


def test_a_machine_is_measured_once_and_takes_longer_for_more() -> None:
    machine = cost._machine("cpu", torch.float64, torch.get_num_threads())
    assert machine is cost._machine("cpu", torch.float64, torch.get_num_threads())
    assert 0 < machine.eigenvalues(1000) < machine.eigenvalues(2000)
    assert min(machine.multiplication, machine.orthogonalisation) > 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="products_if_estimated must be an integer >= 1, got 0"):
        choose(_Scaled(3), products_if_estimated=0)
    with pytest.raises(ValueError, match="basis must be an integer >= 1, got -1"):
        choose(_Scaled(3), products_if_estimated=1, basis=-1)
    with pytest.raises(ValueError, match="memory must be an integer >= 1, got 0"):
        choose(_Scaled(3), products_if_estimated=1, memory=0)
