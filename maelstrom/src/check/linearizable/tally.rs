//! How many unanswered calls of each class have been used.

/// Counts by class. Classes that are not mentioned count zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(Vec<(u32, u32)>);

impl Tally {
    /// The count of a class.
    pub fn of(&self, class: u32) -> u32 {
        self.position(class).map_or(0, |at| self.0[at].1)
    }

    /// Counts `more` of a class.
    pub fn add(&mut self, class: u32, more: u32) {
        self.change(class, |count| count + more);
    }

    /// Makes the count of a class at least this.
    pub fn raise(&mut self, class: u32, least: u32) {
        self.change(class, |count| count.max(least));
    }

    /// Forgets the classes that `keep` refuses.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.0.retain(|&(class, _)| keep(class));
    }

    /// Whether no count exceeds that of the other.
    pub fn at_most(&self, other: &Tally) -> bool {
        self.iter().all(|(class, count)| count <= other.of(class))
    }

    /// The sum of all counts.
    pub fn total(&self) -> u32 {
        self.iter().map(|(_, count)| count).sum()
    }

    /// The classes counted, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().copied()
    }

    fn position(&self, class: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&class, |&(class, _)| class)
    }

    fn change(&mut self, class: u32, change: impl Fn(u32) -> u32) {
        match self.position(class) {
            Ok(at) => self.0[at].1 = change(self.0[at].1),
            Err(at) => match change(0) {
                0 => {}
                count => self.0.insert(at, (class, count)),
            },
        }
    }
}
