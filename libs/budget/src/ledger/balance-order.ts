/**
 * The order in which everybody takes balance rows, so that two writers cannot wait for each other: that of their bytes, whatever the
 * database's language. What every call is charged to comes last, so that it is held shortest.
 */
export function balanceOrder(type: string, id: string, budget: string, period: string): string {
  return `(${type} = 'proxy'), ${type} COLLATE "C", ${id} COLLATE "C", ${budget} COLLATE "C", ${period} COLLATE "C"`;
}
