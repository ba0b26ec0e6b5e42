//! Which synapses each cell has.

/// The synapses of each cell of one end, in the order in which they were made.
#[derive(Clone, Debug, PartialEq)]
pub struct SynapseIndex {
    /// Where the synapses of each cell begin, and where those of the last one end.
    first: Vec<u32>,
    /// Synapses by cell; absent if that is the order in which they were made.
    order: Option<Vec<u32>>,
}

impl SynapseIndex {
    /// From the cell of each synapse, of which there are `n`.
    pub fn new(cells: &[i32], n: usize) -> SynapseIndex {
        let mut first = vec![0_u32; n + 1];
        cells.iter().for_each(|cell| first[*cell as usize + 1] += 1);
        for k in 0..n {
            first[k + 1] += first[k];
        }
        if cells.is_sorted() {
            return SynapseIndex { first, order: None };
        }
        let mut next = first.clone();
        let mut order = vec![0; cells.len()];
        for (synapse, cell) in cells.iter().enumerate() {
            let place = &mut next[*cell as usize];
            order[*place as usize] = synapse as u32;
            *place += 1;
        }
        SynapseIndex { first, order: Some(order) }
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
        let (first, end) = (self.first[cell] as usize, self.first[cell + 1] as usize);
        match &self.order {
            Some(order) => list.extend(order[first..end].iter().map(|synapse| *synapse as i32)),
            None => list.extend(first as i32..end as i32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synapses_of_a_cell_come_in_the_order_of_making() {
        for (cells, has_order) in [(vec![0, 0, 2, 2, 3], false), (vec![2, 0, 2, 3, 0], true), (vec![], false)] {
            let index = SynapseIndex::new(&cells, 4);
            assert_eq!(index.order.is_some(), has_order);
            for cell in 0..4 {
                let expected: Vec<u32> =
                    (0..cells.len() as u32).filter(|k| cells[*k as usize] == cell as i32).collect();
                assert_eq!(index.synapses(cell).collect::<Vec<u32>>(), expected);
                let mut list = Vec::new();
                index.extend(&mut list, cell);
                assert_eq!(list, expected.iter().map(|k| *k as i32).collect::<Vec<i32>>());
            }
        }
    }
}
