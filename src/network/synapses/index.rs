//! Which synapses each cell has.

use std::ops::Range;

/// The synapses of each cell of one end, in the order in which they were made.
#[derive(Clone, Debug, PartialEq)]
pub struct SynapseIndex {
    /// Where the synapses of each cell begin, and where those of the last one end.
    first: Vec<u32>,
    /// Synapses by cell; absent if that is the order in which they were made.
    order: Option<Vec<u32>>,
}

impl SynapseIndex {
    /// From the number of synapses of each cell, which were made cell by cell.
    pub fn from_counts(counts: &[u32]) -> SynapseIndex {
        let mut first = Vec::with_capacity(counts.len() + 1);
        let mut end = 0;
        first.push(end);
        first.extend(counts.iter().map(|count| {
            end += count;
            end
        }));
        SynapseIndex { first, order: None }
    }

    /// From the cell of each synapse, of which there are `n`.
    pub fn new(cells: &[i32], n: usize) -> SynapseIndex {
        let mut counts = vec![0_u32; n];
        cells.iter().for_each(|cell| counts[*cell as usize] += 1);
        let index = SynapseIndex::from_counts(&counts);
        if cells.is_sorted() {
            return index;
        }
        let mut next = index.first.clone();
        let mut order = vec![0; cells.len()];
        for (synapse, cell) in cells.iter().enumerate() {
            let place = &mut next[*cell as usize];
            order[*place as usize] = synapse as u32;
            *place += 1;
        }
        SynapseIndex { order: Some(order), ..index }
    }

    /// Whether the synapses of each cell come one after the other.
    pub fn is_contiguous(&self) -> bool {
        self.order.is_none()
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.first.len() - 1
    }

    /// Number of synapses.
    pub fn synapses_of_all(&self) -> usize {
        self.first[self.cells()] as usize
    }

    /// How many synapses a cell has.
    #[inline]
    pub fn count(&self, cell: usize) -> u32 {
        self.first[cell + 1] - self.first[cell]
    }

    /// The synapses of a cell if they come one after the other for every cell, else where they are in the order by cell.
    #[inline]
    pub fn range(&self, cell: usize) -> Range<usize> {
        self.first[cell] as usize..self.first[cell + 1] as usize
    }

    /// The synapses of a cell.
    #[inline]
    pub fn synapses(&self, cell: usize) -> impl Iterator<Item = u32> {
        let (first, end) = (self.first[cell], self.first[cell + 1]);
        (first..end).map(move |place| match &self.order {
            Some(order) => order[place as usize],
            None => place,
        })
    }

    /// Appends the synapses of a cell.
    #[inline]
    pub fn extend(&self, list: &mut Vec<i32>, cell: usize) {
        let range = self.range(cell);
        match &self.order {
            Some(order) => list.extend(order[range].iter().map(|synapse| *synapse as i32)),
            None => list.extend(range.start as i32..range.end as i32),
        }
    }

    /// The cell of each synapse, if they were made cell by cell.
    pub fn cell_of_each(&self) -> impl Iterator<Item = i32> {
        (0..self.cells()).flat_map(|cell| std::iter::repeat_n(cell as i32, self.count(cell) as usize))
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.first[..]) + self.order.as_ref().map_or(0, |order| size_of_val(&order[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synapses_of_a_cell_come_in_the_order_of_making() {
        for (cells, has_order) in [(vec![0, 0, 2, 2, 3], false), (vec![2, 0, 2, 3, 0], true), (vec![], false)] {
            let index = SynapseIndex::new(&cells, 4);
            assert_eq!(index.is_contiguous(), !has_order);
            assert_eq!((index.cells(), index.synapses_of_all()), (4, cells.len()));
            for cell in 0..4 {
                let expected: Vec<u32> =
                    (0..cells.len() as u32).filter(|k| cells[*k as usize] == cell as i32).collect();
                assert_eq!(index.synapses(cell).collect::<Vec<u32>>(), expected);
                assert_eq!(index.count(cell) as usize, expected.len());
                let mut list = Vec::new();
                index.extend(&mut list, cell);
                assert_eq!(list, expected.iter().map(|k| *k as i32).collect::<Vec<i32>>());
            }
            if !has_order {
                assert_eq!(index.cell_of_each().collect::<Vec<i32>>(), cells);
            }
        }
    }
}
