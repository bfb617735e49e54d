"""Convex polygons cut along lines on which functions that are affine in each of them change their signs.

Conventions. The polygons of all members lie in one plane, many to a member, and are cut at the same time: a line is
where a *unit* is 0, whose values are known at the points, those of the members' polygons alike. A new point has the
values that are between those of its two neighbours, of all units. A value counts as zero up to 256 machine precisions
of the member's largest one of that unit, so that lines that meet in one point up to rounding do so.

**Cost.** A unit's signs are looked at in all corners, one byte each; all else is done for the polygons that it cuts.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.networks import affine

_ROUNDING = 256


def rounding(values: Float[Tensor, "..."]) -> float:
    """What counts as rounding, relative to the largest value."""
    return _ROUNDING * torch.finfo(values.dtype).eps


def without_rounding(values: Float[Tensor, "..."], size: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Put 0 for values up to a size."""
    return torch.where(values.abs() <= size, torch.zeros_like(values), values)


class Polygons:
    """Polygons, each a run of corners in order, and points, of which a corner is one.

    Attributes:
        places: Points in the plane.
        owners: Of which member each point is.
        corners: The point at each corner. A polygon that is cut leaves its run behind, which is no longer looked at.
        faces: The polygon that each corner is of.
        begins: Where the run of each polygon begins.
        lengths: How many corners it has.
    """

    def __init__(self, corners: Tensor, count: int) -> None:
        """One polygon for each member."""
        device = corners.device
        self.places = corners.repeat(count, 1)
        self.corners = torch.arange(len(self.places), device=device)
        self.owners = self.faces = torch.arange(count, device=device).repeat_interleave(len(corners))
        self.begins = torch.arange(count, device=device) * len(corners)
        self.lengths = torch.full_like(self.begins, len(corners))

    def of_members(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """An affine layer of each point's member, in one product over the points of the member that has most."""
        column, most = _places_within(self.owners, len(weight))
        table = values.new_zeros(len(weight), most, values.shape[1])
        table[self.owners, column] = values
        return affine(table, weight, bias)[self.owners, column]

    def cut(self, pre: Tensor) -> Tensor:
        """Cut along the line of every unit in turn; return the values at all points, interpolated at new ones."""
        units = pre.shape[1]
        size = pre.new_zeros(int(self.owners.max()) + 1, units)
        size.scatter_reduce_(0, self.owners[:, None].expand_as(pre), pre.abs(), "amax").mul_(rounding(pre))
        points, owners = _Rows(torch.cat([without_rounding(pre, size[self.owners]), self.places], 1)), self.owners
        signs = _Rows(points.filled[:, :units].sign().to(torch.int8).mT, axis=1)
        all_owners, corners, faces = _Rows(owners), _Rows(self.corners), _Rows(self.faces)
        begins, lengths = _Rows(self.begins), _Rows(self.lengths)
        for unit in range(units):
            sign = signs.filled[unit].index_select(0, corners.filled)
            run = self._cut_runs(sign, faces.filled, begins.filled, lengths.filled)
            if run is None:
                continue
            place, cut, group, following = run
            sign, corner = sign[place], corners.filled[place]
            crossed = torch.nonzero(sign * sign[following] < 0).squeeze(1)
            first, last = corner[crossed], corner[following[crossed]]
            left, right = points.filled.index_select(0, first), points.filled.index_select(0, last)
            share = left[:, unit] / (left[:, unit] - right[:, unit])
            new = torch.lerp(left, right, share[:, None])
            owner = all_owners.filled[first]
            new[:, :units] = without_rounding(new[:, :units], size[owner])
            new[:, unit] = 0
            number = len(points.filled) + torch.arange(len(new), device=pre.device)
            points.append(new)
            all_owners.append(owner)
            signs.append(new[:, :units].sign().to(torch.int8).mT)
            # after each corner the new one on the way to the next, if there is one
            both = torch.stack([corner, torch.full_like(corner, -1)], dim=1)
            both[crossed, 1] = number
            between = both[:, 1] >= 0
            kept = torch.stack([sign >= 0, between, sign <= 0, between]).reshape(2, 2, -1).mT
            known, total = len(corners.filled), len(begins.filled)
            side, row, column = torch.nonzero(kept, as_tuple=True)
            part = group[row] + side * len(cut)
            names = torch.cat([cut, total + torch.arange(len(cut), device=pre.device)])
            sizes = torch.bincount(part, minlength=2 * len(cut))
            begin = known + sizes.cumsum(0) - sizes
            corners.append(both[row, column])
            faces.append(names[part])
            begins.filled[cut], lengths.filled[cut] = begin[: len(cut)], sizes[: len(cut)]
            begins.append(begin[len(cut) :])
            lengths.append(sizes[len(cut) :])
        self.corners, self.faces, self.begins, self.lengths = (
            rows.filled for rows in (corners, faces, begins, lengths)
        )
        self.owners, self.places = all_owners.filled, points.filled[:, units:]
        return points.filled[:, :units]

    @staticmethod
    def _cut_runs(
        sign: Tensor, faces: Tensor, begins: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
        """The polygons with corners of both signs.

        Where their corners are, the polygons, the number in these of each corner's one, and the next corner.
        """
        change = torch.nonzero(sign[1:] * sign[:-1] <= 0).squeeze(1)
        face = faces[change]
        some = torch.unique(face[(face == faces[change + 1]) & (change >= begins[face])])
        if not len(some):
            return None
        group, place, following = _runs(begins[some], lengths[some])
        sides = torch.zeros(3, len(some), dtype=torch.bool, device=sign.device)
        sides[sign[place].long() + 1, group] = True
        both = sides[0] & sides[2]
        if not bool(both.all()):
            some = some[both]
            if not len(some):
                return None
            group, place, following = _runs(begins[some], lengths[some])
        return place, some, group, following

    @property
    def members(self) -> Int[Tensor, " polygons"]:
        """Whose each polygon is."""
        return self.owners[self.corners[self.begins]]

    def table(self) -> tuple[Int[Tensor, " polygons"], Float[Tensor, "polygons corners 2"]]:
        """The polygons by members: whose each is, and its corners, filled up with the last one."""
        members, order = self.members.sort(stable=True)
        begins, lengths = self.begins[order, None], self.lengths[order, None]
        column = torch.arange(int(lengths.max()), device=begins.device).minimum(lengths - 1)
        return members, self.places[self.corners[begins + column]]


class _Rows:
    """A table that grows along an axis, with room made twice as large whenever it is full."""

    def __init__(self, start: Tensor, axis: int = 0) -> None:
        self.table, self.axis, self.used = start.clone(), axis, start.shape[axis]

    @property
    def filled(self) -> Tensor:
        """What has been put in, as a view."""
        return self.table.narrow(self.axis, 0, self.used)

    def append(self, more: Tensor) -> None:
        number, known = more.shape[self.axis], self.filled
        if self.used + number > self.table.shape[self.axis]:
            shape = list(self.table.shape)
            shape[self.axis] = 2 * (self.used + number)
            self.table = self.table.new_empty(shape)
            self.filled.copy_(known)
        self.table.narrow(self.axis, self.used, number).copy_(more)
        self.used += number


def _runs(begins: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of some runs, one run after the other: of which run, where, and which of them follows around."""
    group = torch.repeat_interleave(lengths)
    number = torch.arange(len(group), device=begins.device)
    end = lengths.cumsum(0)
    first = end - lengths
    following = number + 1
    following[end - 1] = first
    return group, number + (begins - first)[group], following


def _places_within(groups: Tensor, count: int) -> tuple[Tensor, int]:
    """Number the entries of each group, in order, and say how many the largest group has."""
    found = torch.bincount(groups, minlength=count)
    order = groups.argsort(stable=True)
    column = torch.empty_like(groups)
    column[order] = torch.arange(len(groups), device=groups.device) - (found.cumsum(0) - found)[groups[order]]
    return column, int(found.max())
