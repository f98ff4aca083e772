/** The domain for one operation: each call is charged to the operation's budget. */
import type { Domain } from '../domain/domain.ts';
import { type Budget, within } from '../rates/budget.ts';

type Rule = (...args: unknown[]) => unknown;
type Group = Record<string, unknown>;

/** Returns the domain that charges this budget: a small object, created with the first call. */
export type BudgetDomain = (budget: Budget) => Domain;

/** Created once. All returned domains share their methods, so each is only a small object with a budget. */
export function createBudgetDomain(domain: Domain): BudgetDomain {
  const View = viewOf(domain);
  return (budget) => new View(budget) as unknown as Domain;
}

interface View {
  readonly budget: Budget;
  readonly groups: Group;
}

function viewOf(domain: Domain): new (budget: Budget) => View {
  class DomainView implements View {
    readonly budget: Budget;
    readonly groups: Group = {};
    constructor(budget: Budget) {
      this.budget = budget;
    }
  }
  for (const [name, group] of Object.entries(domain)) {
    const GroupView = groupViewOf(group as Group);
    Object.defineProperty(DomainView.prototype, name, {
      get(this: View) {
        this.groups[name] ??= new GroupView(this.budget);
        return this.groups[name];
      },
    });
  }
  return DomainView;
}

function groupViewOf(group: Group): new (budget: Budget) => object {
  class GroupView {
    readonly budget: Budget;
    constructor(budget: Budget) {
      this.budget = budget;
    }
  }
  for (const [name, rule] of Object.entries(group)) {
    Object.defineProperty(GroupView.prototype, name, {
      value:
        typeof rule === 'function'
          ? function (this: GroupView, ...args: unknown[]) {
              return within(this.budget, rule as Rule, ...args);
            }
          : rule,
    });
  }
  return GroupView;
}
