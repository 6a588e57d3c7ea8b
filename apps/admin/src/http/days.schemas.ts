import { dayOf } from '#libs/kernel';
import { z } from 'zod';

/** A day of the calendar, UTC; it must be there. */
export const calendarDay = z
  .string()
  .optional()
  .transform((text = '', context): Date => {
    const match = /^(\d{4}-\d{2}-\d{2})(?:[ T]00:00:00Z?)?$/.exec(text);
    const date = new Date(`${match?.[1]}T00:00:00Z`);
    // The calendar rolls 31 February over to March; a date that changes when written again was none.
    if (match !== null && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(match[1] ?? ' '))
      return date;
    context.addIssue({ code: 'custom', message: 'send a date as YYYY-MM-DD' });
    return z.NEVER;
  });

/** An instant, UTC: `YYYY-MM-DD HH:MM:SS`, or a bare day. A day as the end of a range is its last moment. */
export const instant = (end: boolean) =>
  z
    .string()
    .optional()
    .transform((text = '', context): Date => {
      const match = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2})(?:\.\d{1,6})?(?:Z|\+00:00)?)?$/.exec(
        text,
      );
      const clock = match?.[2] ?? (end ? '23:59:59' : '00:00:00');
      const date = new Date(`${match?.[1]}T${clock}${end ? '.999' : ''}Z`);
      if (match !== null && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(match[1] ?? ' '))
        return date;
      context.addIssue({ code: 'custom', message: 'send a date as YYYY-MM-DD HH:MM:SS' });
      return z.NEVER;
    });

/** A range of days, both included. */
export const DAY_RANGE = { start_date: calendarDay, end_date: calendarDay };

/** For `superRefine`: what is asked for backwards would look like a time without any spend. Both days may be the same; an open end is no end. */
export function assertForwards(
  { start_date, end_date }: { readonly start_date?: Date | undefined; readonly end_date?: Date | undefined },
  context: z.RefinementCtx,
): void {
  if (start_date && end_date && end_date < start_date)
    context.addIssue({ code: 'custom', path: ['end_date'], message: 'the range ends before it starts' });
}

export interface Days {
  readonly from: string;
  readonly until: string;
}

/** The range's first and last day, `YYYY-MM-DD`. */
export function toDays({
  start_date,
  end_date,
}: {
  readonly start_date: Date;
  readonly end_date: Date;
}): Days {
  return { from: dayOf(start_date.getTime()), until: dayOf(end_date.getTime()) };
}
