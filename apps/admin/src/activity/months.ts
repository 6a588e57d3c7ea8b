const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Jan`, of a day `YYYY-MM-DD`. */
export function monthOf(day: string): string {
  return MONTHS[Number(day.slice(5, 7)) - 1] ?? '';
}

/** `Jan 02`, as charts label their days. */
export function monthAndDay(day: string): string {
  return `${monthOf(day)} ${day.slice(8, 10)}`;
}
