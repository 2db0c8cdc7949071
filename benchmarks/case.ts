// What a benchmark case is: variants that do the same work in different ways, and the claims that are read off them.

/** One way of doing the work. */
export interface Variant {
  readonly name: string
  /** Set apart in plots. */
  readonly ours?: boolean
  /** Does the work so many times and gives back something that depends on it, so that it cannot be optimised away. */
  run(times: number): number | Promise<number>
}

/** One way whose cells measure themselves, because the work is done by other processes. */
export interface Trial {
  readonly name: string
  readonly ours?: boolean
  trial(quick: boolean): Promise<Sample>
}

export interface Sample {
  /** How often the work was done. */
  readonly times: number
  /** What one unit of work cost, in the unit of the case. */
  readonly cost: number
  /** What else was seen, by name: throughput, percentiles, memory. */
  readonly seen: Readonly<Record<string, number>>
  /** Share of one core that neither subject nor load used meanwhile. */
  readonly others: number
}

/** Something to be shown. The bad end of the 95 % interval decides. */
export interface Claim {
  readonly id: string
  readonly what: string
  readonly variant: string
  /** Ratios are to this variant of the same round; a difference is to it too. Without one the value itself counts. */
  readonly reference?: string
  /** Subtracted from both sides of a ratio: what is added to it is compared. */
  readonly base?: string
  readonly measure: 'ratio' | 'difference' | 'value'
  /** Something that was seen, in place of the cost. */
  readonly of?: string
  /** The larger the better, as throughput is; without it the smaller. */
  readonly more?: boolean
  /** Only so many of the last rounds count: where something may grow, its end is what matters. */
  readonly last?: number
  /** Divides the value: how many plugins one unit of work holds. */
  readonly per?: number
  readonly unit: string
  readonly must?: number
  readonly stretch?: number
}

export interface BenchmarkCase {
  readonly name: string
  readonly title: string
  /** What the variants are and what the numbers do not say. */
  readonly notes: readonly string[]
  readonly variants: readonly (Variant | Trial)[]
  readonly claims: readonly Claim[]
  readonly unit: string
  /** Milliseconds of one cell; long ones where the clock that is read is coarse. */
  readonly cell?: number
  /** What one cell cost, in place of elapsed time: a counter that is read before and after, in nanoseconds. */
  readonly counter?: (variant: string) => number
  /** Replaces calibration: how often each variant does its work in one cell. */
  readonly times?: (quick: boolean) => number
  /** How many rounds, where one takes seconds. */
  readonly rounds?: (quick: boolean) => number
  /** What else of the samples the report shows; by default throughput and saturation where they were seen. */
  readonly shown?: readonly string[]
  /** Plotted in place of the cost: something that was seen. */
  readonly plotted?: { readonly of: string; readonly unit: string }
  /** Plotted as lines: over the numbers in the names of its variants, or over its rounds. */
  readonly curve?:
    | { readonly along: 'variants' }
    | { readonly along: 'rounds'; readonly of: string }
  /** What ran beside ours, by name, and in which version. */
  readonly versions?: Readonly<Record<string, string>>
  /** Replaces the warming up that calibration does. */
  warmUp?(): Promise<void>
  close?(): Promise<void>
}

/** Cases are opened when their turn comes, so that one that cannot run takes no other down. */
export type OpenCase = (quick: boolean) => Promise<BenchmarkCase>
