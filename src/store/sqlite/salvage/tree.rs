//! Which pages belong to which table, as far as the trees can still be climbed.
//!
//! A page that no tree reaches may be old: rows on it that have been changed or deleted since must not come back.

use super::{
    image::Image,
    page::{self, Contents},
    shape::{Shape, integer, text},
};
use std::collections::{HashMap, HashSet};

/// The pages of the tables.
#[derive(Default)]
pub(super) struct Trees {
    /// The table that each page belongs to.
    pub(super) owner: HashMap<u32, &'static Shape>,
    /// Tables of which every page could be read.
    pub(super) whole: HashSet<&'static str>,
}

impl Trees {
    /// Climbs the tree of each table that the schema still names.
    pub(super) fn climb(image: &Image<'_>) -> Self {
        let mut trees = Self::default();
        let mut schema = Vec::new();
        walk(image, 1, &mut |_, contents| schema.extend(contents.rows));
        for row in schema {
            // type, name, tbl_name, rootpage, sql
            let [kind, name, _, root, _] = &row.values[..] else { continue };
            let (Some(shape), Ok(root)) = (Shape::named(text(name)), u32::try_from(integer(root))) else { continue };
            if text(kind) != "table" {
                continue;
            }
            let mut fits = true;
            let whole = walk(image, root, &mut |number, mut contents| {
                fits &= contents.rows.iter_mut().all(|row| Shape::of(row) == Some(shape));
                if let Some(other) = trees.owner.insert(number, shape) {
                    fits &= other == shape;
                }
            });
            if whole && fits {
                trees.whole.insert(shape.table);
            }
        }
        trees
    }

    /// Whether every page of `table` could be read.
    pub(super) fn whole(&self, table: &str) -> bool {
        self.whole.contains(table)
    }
}

/// Visits every page of the tree under `root` that can be reached; false if one cannot be read whole.
fn walk(image: &Image<'_>, root: u32, visit: &mut dyn FnMut(u32, Contents)) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![root];
    let mut whole = true;
    while let Some(number) = open.pop() {
        if !seen.insert(number) {
            whole = false;
            continue;
        }
        let mut contents = page::contents(image, number);
        whole &= contents.tree && contents.whole;
        open.append(&mut contents.children);
        if contents.tree {
            visit(number, contents);
        }
    }
    whole
}
