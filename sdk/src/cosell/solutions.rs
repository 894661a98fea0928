//! The deal's solutions as a CRM holds them: rows with one id each, or a column with ids separated by commas
//! (`SOL-15974-MQF,SOL-34104-EBB`).
//!
//! A referral may also name categories of solutions. They stay out of the CRM, and stay in the referral whatever is
//! done in the CRM; so do solutions for which a column had no room.

use crate::contract::Solution;

const SEPARATORS: [char; 3] = [',', ';', '\n'];

/// Partner Center's word for a solution that is only a category.
const CATEGORY: &str = "Category";

/// The rows' ids, each once.
pub fn rows(solutions: &[Solution]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for solution in solutions.iter().filter(|solution| is_product(solution)) {
        if !rows.contains(&solution.id) {
            rows.push(solution.id.clone());
        }
    }
    rows
}

/// The column's text: as many whole ids as fit.
pub fn text(solutions: &[Solution], characters: i32) -> String {
    fitting(&rows(solutions), characters).join(",")
}

/// The ids in the column, each once.
pub fn ids(column: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in column.split(SEPARATORS).map(str::trim).filter(|id| !id.is_empty()) {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The referral's solutions as the rows want them. The order of rows means nothing.
pub fn of_rows(listed: &[String], known: &[Solution]) -> Vec<Solution> {
    let shown = rows(known);
    let same = listed.len() == shown.len() && listed.iter().all(|id| shown.contains(id));
    if same { known.to_vec() } else { merged(listed, &shown, known) }
}

/// The referral's solutions as the column wants them. A column that is only the referral's list changes nothing.
pub fn of_text(column: &str, known: &[Solution], characters: i32) -> Vec<Solution> {
    let all = rows(known);
    let shown = fitting(&all, characters);
    let listed = ids(column);
    if listed == shown { known.to_vec() } else { merged(&listed, shown, known) }
}

/// What the CRM does not show of the known solutions, and what it lists. One that the referral has already is taken
/// over whole.
fn merged(listed: &[String], shown: &[String], known: &[Solution]) -> Vec<Solution> {
    let by_id = |id: &String| {
        known.iter().find(|solution| solution.id == *id).cloned().unwrap_or_else(|| Solution::by_id(id))
    };
    let beyond = |solution: &&Solution| !shown.contains(&solution.id) && !listed.contains(&solution.id);
    let (hidden, categories): (Vec<Solution>, Vec<Solution>) =
        known.iter().filter(beyond).cloned().partition(is_product);
    categories.into_iter().chain(listed.iter().map(by_id)).chain(hidden).collect()
}

/// The first ids, as many as fit with a comma between them.
fn fitting(ids: &[String], characters: i32) -> &[String] {
    let room = usize::try_from(characters).unwrap_or_default();
    let mut used = 0;
    let fits = |id: &&String| {
        used += id.chars().count() + usize::from(used > 0);
        used <= room
    };
    let count = ids.iter().take_while(fits).count();
    ids.get(..count).unwrap_or_default()
}

/// Whether it belongs into the CRM: no category, and an id that can be told from its neighbours.
fn is_product(solution: &Solution) -> bool {
    let id = solution.id.as_str();
    solution.solution_kind.as_deref() != Some(CATEGORY)
        && !id.is_empty()
        && id.trim() == id
        && !id.contains(SEPARATORS)
}
