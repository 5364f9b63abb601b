"""Age groups, the nine of FairFace (Karkkainen and Joo 2021), for all data sets alike."""

#: First year of each group and its name; the last one is FairFace's own wording for 70 and above.
GROUPS = ((0, '0-2'), (3, '3-9'), (10, '10-19'), (20, '20-29'), (30, '30-39'), (40, '40-49'),
          (50, '50-59'), (60, '60-69'), (70, 'more than 70'))


def age_group(years: int) -> str:
    """Return the group of an age in years, 'unknown' where it is negative or above 120."""
    if not 0 <= years <= 120:
        return 'unknown'
    return next(name for first, name in reversed(GROUPS) if years >= first)
