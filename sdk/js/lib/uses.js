// Which optional imports of the contract a plugin uses: those whose module of the SDK it imports. The build reads this.
export const uses = new Set();
