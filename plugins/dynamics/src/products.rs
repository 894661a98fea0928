//! The Products column: solutions by id, separated by commas (`SOL-15974-MQF,SOL-34104-EBB`).
//!
//! A referral may also name categories of solutions. They stay out of the column, and stay in the referral whatever is
//! done to the column; so do solutions for which the column had no room.

use crosswalk_sdk::prelude::*;

const SEPARATORS: [char; 3] = [',', ';', '\n'];

/// Partner Center's word for a solution that is only a category.
const CATEGORY: &str = "Category";

/// The column's text: as many whole ids as fit.
pub fn text(solutions: &[Solution], characters: i32) -> String {
    shown(solutions, characters).join(",")
}

fn shown(solutions: &[Solution], characters: i32) -> Vec<&str> {
    let room = usize::try_from(characters).unwrap_or_default();
    let mut shown: Vec<&str> = Vec::new();
    let mut used = 0;
    for id in solutions.iter().filter(|solution| is_product(solution)).map(|solution| solution.id.as_str()) {
        let more = id.chars().count() + usize::from(!shown.is_empty());
        if used + more > room {
            break;
        }
        if !shown.contains(&id) {
            used += more;
            shown.push(id);
        }
    }
    shown
}

/// Whether it belongs into the column: no category, and an id that can be told from its neighbours.
fn is_product(solution: &Solution) -> bool {
    let id = solution.id.as_str();
    solution.solution_kind.as_deref() != Some(CATEGORY)
        && !id.is_empty()
        && id.trim() == id
        && !id.contains(SEPARATORS)
}

/// The referral's solutions as the column wants them: what the column does not show, and what it lists. One that the
/// referral has already is taken over whole. A column that is only the referral's list changes nothing.
pub fn solutions(column: &str, known: &[Solution], characters: i32) -> Vec<Solution> {
    let shown = shown(known, characters);
    let listed = ids(column);
    if listed == shown {
        return known.to_vec();
    }
    let by_id = |id: &&str| {
        known.iter().find(|solution| solution.id == *id).cloned().unwrap_or_else(|| Solution::by_id(*id))
    };
    let beyond = |solution: &&Solution| {
        let id = solution.id.as_str();
        !shown.contains(&id) && !listed.contains(&id)
    };
    let (hidden, categories): (Vec<Solution>, Vec<Solution>) =
        known.iter().filter(beyond).cloned().partition(is_product);
    categories.into_iter().chain(listed.iter().map(by_id)).chain(hidden).collect()
}

/// The ids in the column, each once.
pub fn ids(column: &str) -> Vec<&str> {
    let mut ids = Vec::new();
    for id in column.split(SEPARATORS).map(str::trim).filter(|id| !id.is_empty()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
