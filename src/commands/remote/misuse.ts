/** A mistake in how the command was typed. */
export class Misuse extends Error {}
