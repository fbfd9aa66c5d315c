// Results on the first page, which "back", a reload and a registration leave on the screen, until the tab is closed.
const KEY = "results";

/** Return the answers that this tab has shown to this user, "" for a visitor, as HTML. */
export function recall(user) {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  // A visitor who registers sees them still; whoever comes after a user does not.
  if (kept.user && kept.user !== user) sessionStorage.removeItem(KEY);
  else if (kept.answers) return kept.answers;
  return [];
}

/** Remember answers; the newest that there is room for. */
export function remember(user, answers) {
  for (let first = 0; first <= answers.length; first += 1) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({user, answers: answers.slice(first)}));
      return;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
    }
  }
}
