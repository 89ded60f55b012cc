// Which fault of mutants.txt is alive; 0 for none.
#pragma once

namespace assay {

inline int selected_mutant = 0;
inline bool mutant_selected(int number) { return selected_mutant == number; }

}  // namespace assay
