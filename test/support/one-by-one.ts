import { after, suite } from "node:test";

/** A file of tests by its path, and what loads it. */
export type TestFile = readonly [path: string, load: () => Promise<unknown>];

/**
 * Runs files of tests in this process, a suite for each. The next is loaded when the one before has
 * run: of two that load at once one could get the other's tests, for a module that both wait for.
 */
export async function runOneByOne(files: readonly TestFile[]): Promise<void> {
  for (const [path, load] of files) {
    await new Promise<void>((resolve) => {
      void suite(path, async () => {
        after(() => resolve());
        try {
          await load();
        } catch (error) {
          resolve();
          throw error;
        }
      });
    });
  }
}
