/** One long timer would count the time this process itself stood still, and fire before the answer in the socket is read. */
const PIECES = 8;

/**
 * What `answer` brings, or a rejection with `late()` after `limitMs`. Time is counted in short pieces between which the process reads
 * what has arrived: however long it stood still, or waited for a processor, uses up one piece and not the other side's patience.
 */
export async function answerWithin<T>(answer: Promise<T>, limitMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    let left = PIECES;
    const wait = (): void => {
      if (left === 0) return reject(late());
      left -= 1;
      timer = setTimeout(wait, limitMs / PIECES);
    };
    wait();
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
